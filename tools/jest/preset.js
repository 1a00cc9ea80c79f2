import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);

/** Milliseconds: a test that starts an engine or a process on a busy machine of two cores takes its time. Of several projects jest reads the root's only. */
export const TEST_TIMEOUT = 300_000;

/** The jest configuration that every package shares: TypeScript sources, ES modules, the outer realm's typed arrays. */
export default function preset(configUrl) {
  return {
    rootDir: dirname(fileURLToPath(configUrl)),
    testMatch: ['<rootDir>/src/**/*.spec.ts', '<rootDir>/test/**/*.spec.ts'],
    testEnvironment: require.resolve('./outer-realm-environment.cjs'),
    testEnvironmentOptions: { customExportConditions: ['@chop/source', 'node'] },
    extensionsToTreatAsEsm: ['.ts', '.tsx'],
    moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
    transform: {
      '\\.ts$': ['@swc/jest', { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'es6' } }],
      '\\.tsx$': [
        '@swc/jest',
        {
          jsc: { target: 'es2022', parser: { syntax: 'typescript', tsx: true }, transform: { react: { runtime: 'automatic', importSource: 'preact' } } },
          module: { type: 'es6' },
        },
      ],
    },
    testTimeout: TEST_TIMEOUT,
  };
}
