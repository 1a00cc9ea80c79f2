import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { pinnedWheel } from './wheel.js';
import { wheelSources, type Source } from './sources.js';

const wheel = pinnedWheel('cpu', 'linux-x64');
const root = await mkdtemp(join(tmpdir(), 'chop-sources-'));
const tools = join(root, 'bin');
const links = join(root, 'wheels');
const config = join(root, 'pip.conf');
const local = join(links, wheel.file);
/** No settings of this machine take part. */
const bare = { PATH: '/nowhere', HOME: root, XDG_CONFIG_DIRS: '/nowhere', PIP_CONFIG_FILE: '/dev/null' };

beforeAll(async () => {
  for (const folder of [tools, links, join(root, '.config', 'pip')]) await mkdir(folder, { recursive: true });
  for (const name of ['pip3', 'uv']) {
    await writeFile(join(tools, name), '#!/bin/sh\n');
    await chmod(join(tools, name), 0o755);
  }
  await writeFile(local, '');
  await writeFile(
    config,
    `# mine\n[global]\nindex-url = http://conf.test/simple\nfind-links =\n    ${join(root, 'empty')}\n    ${links}\n[list]\nformat = columns\n`,
  );
  await writeFile(join(root, '.config', 'pip', 'pip.conf'), '[download]\nindex_url: http://home.test/simple\n');
});
afterAll(() => rm(root, { recursive: true }));

/** A source in one word. */
function place(source: Source): string {
  return source.kind === 'file'
    ? source.file
    : source.kind === 'index'
      ? source.url
      : `${source.pip.name}${source.index === undefined ? '' : ` ${source.index}`}`;
}

async function places(index: string | undefined, environment: NodeJS.ProcessEnv): Promise<string[]> {
  return (await wheelSources(wheel, index, { ...bare, ...environment })).map(place);
}

test('the settings come before pip, pip before uv, and a variable before a file', async () => {
  const all = { PATH: tools, PIP_CONFIG_FILE: config };
  expect(await places(undefined, all)).toEqual(['http://conf.test/simple', local, 'pip', 'uv']);
  expect(await places(undefined, { ...all, UV_INDEX_URL: 'http://uv.test' })).toEqual(['http://uv.test', local, 'pip', 'uv']);
  expect(await places(undefined, { ...all, UV_INDEX_URL: 'http://uv.test', PIP_INDEX_URL: 'http://pip.test' })).toEqual([
    'http://pip.test',
    local,
    'pip',
    'uv',
  ]);
});

test("the user's own file of pip is read, and PIP_CONFIG_FILE goes before it or silences it", async () => {
  expect(await places(undefined, { PIP_CONFIG_FILE: undefined })).toEqual(['http://home.test/simple']);
  expect(await places(undefined, { PIP_CONFIG_FILE: config })).toEqual(['http://conf.test/simple', local]);
  await expect(places(undefined, {})).rejects.toMatchObject({ code: 'ENGINE_NO_SOURCE' });
});

test('an index that is named is the only one: over HTTP, then by a pip that is told to use it', async () => {
  expect(await places('http://mine.test/simple', { PATH: tools, PIP_CONFIG_FILE: config, PIP_INDEX_URL: 'http://pip.test' })).toEqual([
    'http://mine.test/simple',
    'pip http://mine.test/simple',
    'uv http://mine.test/simple',
  ]);
});

test('behind a proxy an index is left to pip, unless its host is excepted', async () => {
  const behind = { PATH: tools, HTTPS_PROXY: 'http://proxy.test:3128' };
  expect(await places('https://mine.test/simple', behind)).toEqual(['pip https://mine.test/simple', 'uv https://mine.test/simple']);
  expect((await places('https://mine.test/simple', { ...behind, NO_PROXY: 'localhost,.test' }))[0]).toBe('https://mine.test/simple');
  expect(await places(undefined, { ...behind, PIP_INDEX_URL: 'https://mine.test/simple' })).toEqual(['pip', 'uv']);
});

test('a wheel or its folder can be named, and one in find-links is found', async () => {
  expect(await places(local, { PATH: tools })).toEqual([local]);
  expect(await places(links, { PATH: tools })).toEqual([local]);
  expect(await places(`file://${links}`, {})).toEqual([local]);
  expect(await places(undefined, { PIP_FIND_LINKS: `/nowhere ${links}` })).toEqual([local]);
  await expect(places(root, {})).rejects.toMatchObject({ code: 'ENGINE_NO_WHEEL' });
});

test('with no place at all, the error says which file of which package to give', async () => {
  await expect(places(undefined, {})).rejects.toMatchObject({
    code: 'ENGINE_NO_SOURCE',
    exitCode: 3,
    facts: { expected: expect.stringContaining(wheel.file), remedy: expect.stringMatching(/PIP_INDEX_URL.*tensorflow-cpu, version 2\.18\.0.*--index FILE/) },
  });
});
