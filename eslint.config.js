import { createProjectGraphAsync } from '@nx/devkit';
import nx from '@nx/eslint-plugin';
import { defineConfig } from 'eslint/config';
import * as jsonc from 'jsonc-eslint-parser';
import tseslint from 'typescript-eslint';

/** The arrow, in the order in which a model meets the packages: each layer sees the ones to its left. */
const ARROW = ['core', 'kernels', 'formats', 'data', 'models', 'training', 'eval', 'report', 'chop', 'cli'];
const tag = (layer) => `layer:${layer}`;
const leftOf = (layer) => ARROW.slice(0, ARROW.indexOf(layer));
/** Neighbours on the arrow that stand beside each other and do not see one another. */
const BESIDE = { data: ['formats'] };

const METHOD_SEES = ['core', 'kernels'];
/** A method's test tries it on models and in training; no method sees another, in tests neither. */
const METHOD_TEST_SEES = leftOf('eval');

const depConstraints = [
  ...ARROW.map((layer) => ({
    sourceTag: tag(layer),
    onlyDependOnLibsWithTags: [
      ...leftOf(layer)
        .filter((other) => !BESIDE[layer]?.includes(other))
        .map(tag),
      ...(['chop', 'cli'].includes(layer) ? [tag('method')] : []),
    ],
  })),
  { sourceTag: tag('method'), onlyDependOnLibsWithTags: METHOD_SEES.map(tag) },
  { sourceTag: tag('tools'), onlyDependOnLibsWithTags: [] },
];

/** A package that one file loads late may be loaded early by another: the command line loads what a command needs, its tests all of it. */
const LATE = ['@chop/**'];

const boundaryRule = (constraints) => ({
  '@nx/enforce-module-boundaries': [
    'error',
    { enforceBuildableLibDependency: false, allow: [], checkDynamicDependenciesExceptions: LATE, depConstraints: constraints },
  ],
});

/** What a package declares is what its sources import; tests take what the workspace has. */
const dependencyRule = {
  '@nx/dependency-checks': [
    'error',
    {
      ignoredFiles: ['{projectRoot}/**/*.spec.*', '{projectRoot}/test/**', '{projectRoot}/jest.config.js'],
      // The headers are found by their place on the disk; the union of TensorFlow.js is required, not imported.
      ignoredDependencies: ['node-api-headers', '@tensorflow/tfjs'],
    },
  ],
};

const ENGINE_FILE = 'libs/kernels/src/engine/tensorflow.ts';
const CONTAINER_FILES = ['libs/core/src/plugin.ts', 'libs/core/src/compose.ts'];
const PACKAGE_INDEXES = ['libs/*/src/index.ts', 'libs/strategies/*/src/index.ts', 'apps/*/src/index.ts'];

const engineImport = { group: ['@tensorflow/tfjs-node*'], message: `The native engine is loaded in ${ENGINE_FILE} only; import @tensorflow/tfjs-core.` };
const containerImport = { group: ['inversify', 'inversify/*'], message: `The container stays in ${CONTAINER_FILES.join(' and ')}.` };
const unionImport = { group: ['@tensorflow/tfjs'], message: 'Import @tensorflow/tfjs-core; engines are chosen in @chop/kernels.' };
const indexImport = {
  regex: '^(\\.|\\.\\.|\\./index\\.js|(\\.\\./)+index\\.js)$',
  message: 'Inside a package import the file that defines the name, not the index.',
};
const importRule = (...patterns) => ({ 'no-restricted-imports': ['error', { patterns }] });

const engineByExpression = ['ImportExpression', 'CallExpression[callee.name=/^require/]'].map((call) => ({
  selector: `${call} Literal[value=/^@tensorflow.tfjs-node(-gpu)?$/]`,
  message: engineImport.message,
}));
const reExports = ['ExportAllDeclaration', 'ExportNamedDeclaration[source]'].map((selector) => ({
  selector,
  message: 'One index.ts per package and no other barrel: import from the file that defines the name.',
}));
const otherIndex = { selector: 'Program', message: 'One index.ts per package, in its src folder, and no other barrel.' };
const syntaxRule = (...entries) => ({ 'no-restricted-syntax': ['error', ...entries] });

// The boundary rule reads nx's cached project graph and passes everything, with a warning only, when there is none.
await createProjectGraphAsync({ exitOnError: true });

export default defineConfig(
  {
    ignores: ['**/dist/**', '**/node_modules/**', '**/coverage/**', '.nx/**', 'docs/api/**', 'runs/**', 'tools/generators/*/files/**'],
  },
  { linterOptions: { reportUnusedDisableDirectives: 'error', noInlineConfig: true } },
  {
    files: ['**/*.{js,mjs,cjs,ts,tsx}'],
    extends: [tseslint.configs.recommended],
    rules: {
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true }],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports', disallowTypeAnnotations: false }],
      '@typescript-eslint/no-unused-expressions': ['error', { allowShortCircuit: true, allowTernary: true }],
      eqeqeq: 'error',
      'no-var': 'error',
      'prefer-const': 'error',
    },
  },
  {
    files: ['**/*.cjs'],
    rules: { '@typescript-eslint/no-require-imports': 'off' },
  },
  {
    files: ['libs/**/*.{ts,tsx}', 'apps/**/*.{ts,tsx}'],
    languageOptions: { parserOptions: { project: ['./tsconfig.spec.json'], tsconfigRootDir: import.meta.dirname } },
    plugins: { '@nx': nx },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: false }],
      ...boundaryRule(depConstraints),
      ...importRule(engineImport, containerImport, unionImport, indexImport),
      ...syntaxRule(...engineByExpression, ...reExports),
    },
  },
  {
    files: ['libs/*/package.json', 'libs/strategies/*/package.json', 'apps/*/package.json'],
    languageOptions: { parser: jsonc },
    plugins: { '@nx': nx },
    rules: dependencyRule,
  },
  {
    files: ['libs/strategies/*/src/**/*.spec.ts'],
    rules: boundaryRule([{ sourceTag: tag('method'), onlyDependOnLibsWithTags: METHOD_TEST_SEES.map(tag) }]),
  },
  { files: [ENGINE_FILE], rules: { ...importRule(containerImport, unionImport, indexImport), ...syntaxRule(...reExports) } },
  { files: CONTAINER_FILES, rules: importRule(engineImport, unionImport, indexImport) },
  { files: ['**/index.ts'], ignores: PACKAGE_INDEXES, rules: syntaxRule(otherIndex) },
  { files: PACKAGE_INDEXES, rules: syntaxRule(...engineByExpression) },
);
