import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';

/** What a file imports as soon as it is loaded: neither types nor `import()`. */
function importsOf(file: URL): string[] {
  const statements = readFileSync(file, 'utf8').matchAll(/^import (?!type )(?<names>[^'"]*?)(?: from )?'(?<from>[^']+)';/gms);
  return [...statements].filter(({ groups }) => !/^\{(\s*type \w+,?)+\s*\}$/.test(groups!['names']!)).map(({ groups }) => groups!['from']!);
}

test('help loads commander and nothing that computes', () => {
  const packages = new Set<string>();
  const waiting = [new URL('main.ts', import.meta.url)];
  const seen = new Set<string>();
  for (let file = waiting.pop(); file; file = waiting.pop()) {
    if (seen.has(file.href)) continue;
    seen.add(file.href);
    for (const from of importsOf(file)) {
      if (from.startsWith('.')) waiting.push(new URL(from.replace(/\.js$/, '.ts'), file));
      else packages.add(from);
    }
  }
  expect(seen.size).toBeGreaterThan(20);
  expect([...packages].filter((name) => !name.startsWith('node:'))).toEqual(['commander']);
});
