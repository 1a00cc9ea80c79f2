import { expect, test } from '@jest/globals';
import { source } from './sources.mjs';
import { twins } from './twins.mjs';

/** A file of 40 telling lines, of which the first `shared` are the same in every such file. */
function file(name, shared) {
  const lines = Array.from({ length: 40 }, (_, index) => (index < shared ? `  same(${index});` : `  ${name}(${index});`));
  return source(`libs/${name}.ts`, [`import { ${name} } from './elsewhere.js';`, `/** About ${name}. */`, `{`, ...lines, `}`, ''].join('\n'));
}

test.each([
  [0, 0],
  [12, 0],
  [13, 1],
  [40, 1],
])('%i of 40 lines the same give %i findings', (shared, findings) => {
  expect(twins([file('left', shared), file('right', shared)]).findings).toHaveLength(findings);
});

test('imports, comments, braces and blank lines are not what makes twins', () => {
  const around = Array.from({ length: 50 }, (_, index) => `import { a${index} } from './a.js';\n\n// the same words ${index}\n{\n}\n`).join('');
  const [left, right] = ['left', 'right'].map((name) => source(`libs/${name}.ts`, around + file(name, 0).text));
  expect(twins([left, right]).findings).toEqual([]);
});

test('a file that repeats one line is no twin of a file that has it once', () => {
  const repeats = source('libs/a.ts', 'same(1);\n'.repeat(40));
  expect(twins([repeats, file('right', 2)]).findings).toEqual([]);
});

test('indentation does not hide a twin', () => {
  const left = file('left', 40);
  expect(twins([left, source('libs/right.ts', left.text.replaceAll('  ', '        '))]).findings).toHaveLength(1);
});
