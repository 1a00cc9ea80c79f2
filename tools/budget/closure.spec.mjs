import { describe, expect, test } from '@jest/globals';
import { closures, MAX_FILES } from './closure.mjs';
import { source } from './sources.mjs';

const METHOD = 'libs/strategies/halve/src/halve.ts';
const packages = new Map([['@chop/core', 'libs/core']]);

function reached(method, core) {
  const sources = [source(METHOD, method), ...Object.entries(core).map(([name, text]) => source(`libs/core/src/${name}`, text))];
  return closures(sources, packages).nearest;
}

describe('the files that a method reaches', () => {
  const chain = { 'a.ts': "import { b } from './b.js'; export const a = b;", 'b.ts': 'export const b = 1;', 'other.ts': 'export const other = 1;' };

  test('an index leads to the files that define the imported names, and is not counted itself', () => {
    const core = { ...chain, 'index.ts': "export * from './a.js'; export * from './b.js'; export * from './other.js';" };
    expect(reached("import { a } from '@chop/core'; import { x } from 'elsewhere';", core)).toContain('reaches 2 of');
    expect(reached("import { other } from '@chop/core';", core)).toContain('reaches 1 of');
    expect(reached("import * as all from '@chop/core';", core)).toContain('reaches 3 of');
  });

  test('a name that the index gives another name is followed to where it is defined', () => {
    const core = { ...chain, 'index.ts': "export { other as a } from './other.js'; export { a as original } from './a.js';" };
    expect(reached("import { a } from '@chop/core';", core)).toContain('reaches 1 of');
    expect(reached("import { original as a } from '@chop/core';", core)).toContain('reaches 2 of');
  });

  test('types count', () => {
    const core = {
      'index.ts': "export type { A } from './a.js';",
      'a.ts': "import type { B } from './b.js'; export interface A { b: B }",
      'b.ts': 'export type B = 1;',
    };
    expect(reached("import type { A } from '@chop/core';", core)).toContain('reaches 2 of');
  });

  test('files that import each other end', () => {
    const core = {
      'index.ts': "export * from './a.js';",
      'a.ts': "import { b } from './b.js'; export class A {}",
      'b.ts': "import { A } from './a.js'; export const b = 1;",
    };
    expect(reached("import { A } from '@chop/core';", core)).toContain('reaches 2 of');
  });

  test.each([
    [MAX_FILES, 0],
    [MAX_FILES + 1, 1],
  ])('%i files give %i findings', (files, findings) => {
    const names = Array.from({ length: files }, (_, index) => `part${index}`);
    const method = source(METHOD, names.map((name) => `import { ${name} } from './${name}.js';`).join('\n'));
    const parts = names.map((name) => source(`libs/strategies/halve/src/${name}.ts`, `export const ${name} = 1;`));
    expect(closures([method, ...parts], packages).findings).toHaveLength(findings);
  });
});
