import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { COMMIT, Hub } from '../test/hub-server.js';
import { openHubData } from './hub-data.js';

let base: string;
let hub: Hub;
let environment: Record<string, string>;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'chop-hub-data-'));
  hub = new Hub('dataset', 'org/texts');
  for (const path of ['en/train/0000.parquet', 'en/train/0001.parquet', 'en/test/0000.parquet', 'de/train/0000.parquet', 'odd.parquet'])
    hub.files.set(path, Buffer.from(`PAR1 ${path} ${'.'.repeat(100_000)}`));
  hub.files.set('README.md', Buffer.from('# texts'));
  environment = { HF_ENDPOINT: await hub.start(), HF_HOME: join(base, 'home'), HOME: base };
});
afterEach(async () => {
  await hub.stop();
  await rm(base, { recursive: true, force: true });
});

const root = (): string => join(base, 'home', 'hub', 'datasets--org--texts');
const fetched = (): string[] => hub.requests.filter((request) => request.includes('/resolve/') && !request.endsWith('bytes=0-0'));

/** The beginnings of all files of a data set. */
async function read(name: string, options = {}): Promise<string[]> {
  const files = await openHubData(name, { environment, ...options });
  return Promise.all(files.map(async (file) => (await readFile(await file(), 'utf8')).split(' ')[1]!));
}

test('a split comes into the standard cache file by file, when a file is asked for', async () => {
  const seen: { bytes: number; totalBytes: number }[] = [];
  const files = await openHubData('hf:org/texts:en/train', { environment, onProgress: (progress) => seen.push(progress) });
  expect(files).toHaveLength(2);
  expect(fetched()).toEqual([]);
  expect(await files[1]!()).toBe(join(root(), 'snapshots', COMMIT, 'en/train/0001.parquet'));
  expect(fetched()).toHaveLength(1);
  expect(await readFile(await files[0]!())).toEqual(hub.files.get('en/train/0000.parquet'));
  expect(seen.every(({ totalBytes }) => totalBytes === 2 * hub.files.get('en/train/0000.parquet')!.length)).toBe(true);
  expect(await readFile(join(root(), 'refs', 'refs', 'convert', 'parquet'), 'utf8')).toBe(COMMIT);

  hub.requests.length = 0;
  expect(await read('hf:org/texts:en/train')).toEqual(['en/train/0000.parquet', 'en/train/0001.parquet']);
  expect(fetched()).toEqual([]);
  hub.requests.length = 0;
  expect(await read(`hf:org/texts@${COMMIT}:en`)).toHaveLength(2);
  expect(hub.requests).toEqual([]);
});

test('without a config or a split: the only one, default, train', async () => {
  expect(await read('hf:org/texts:de')).toEqual(['de/train/0000.parquet']);
  hub.files.delete('de/train/0000.parquet');
  await rm(root(), { recursive: true });
  expect(await read('hf:org/texts/test')).toEqual(['en/test/0000.parquet']);
  expect(await read('hf:org/texts:/test')).toEqual(['en/test/0000.parquet']);
  hub.files.clear();
  for (const path of ['data/train-00001-of-00002-9f.parquet', 'data/train-00000-of-00002-3a.parquet', 'raw/valid-00000-of-00001.parquet'])
    hub.files.set(path, Buffer.from(`PAR1 ${path} `));
  await rm(root(), { recursive: true });
  expect(await read('hf:org/texts@main')).toEqual(['data/train-00000-of-00002-3a.parquet', 'data/train-00001-of-00002-9f.parquet']);
  expect(await read('hf:org/texts@main:raw')).toEqual(['raw/valid-00000-of-00001.parquet']);
});

test('without a connection what was fetched is read, and what was not is told', async () => {
  await read('hf:org/texts:de');
  for (const away of [{ HF_HUB_OFFLINE: '1' }, { HF_ENDPOINT: 'http://127.0.0.1:9' }])
    expect(await read('hf:org/texts:de', { environment: { ...environment, ...away } })).toEqual(['de/train/0000.parquet']);
  const offline = { environment: { ...environment, HF_HUB_OFFLINE: '1' } };
  await expect(read('hf:org/texts:en', offline)).rejects.toMatchObject({ code: 'HUB_OFFLINE', message: expect.stringContaining('en/train/0000') as unknown });
  await expect(read('hf:org/other', offline)).rejects.toMatchObject({ code: 'HUB_OFFLINE' });
});

test('a download that broke off goes on where it was, with the token', async () => {
  const [path] = hub.files.keys();
  const size = hub.files.get(path!)!.length;
  let breaks = 0;
  const tokens = new Set<string | undefined>();
  hub.intercept = (request, response) => {
    tokens.add(request.headers.authorization);
    if (breaks > 0 || !request.url!.includes('/resolve/') || request.headers.range === 'bytes=0-0') return false;
    breaks++;
    response.writeHead(200, { 'Content-Length': size });
    response.write(hub.files.get(path!)!.subarray(0, 40_000), () => setTimeout(() => response.destroy(), 50));
    return true;
  };
  const [first] = await openHubData('hf:org/texts:en', { environment: { ...environment, HF_TOKEN: 'hf_given' } });
  expect(await readFile(await first!())).toEqual(hub.files.get(path!));
  expect(fetched().map((request) => /bytes=(\d+)-/.exec(request)?.[1] ?? '0')).toEqual(['0', '40000']);
  expect([...tokens]).toEqual(['Bearer hf_given']);
});

describe('what cannot be is refused, with what there is', () => {
  test.each([
    ['hf:org/texts', 'HUB_CONFIG', /found no config, expected one of en, de.*hf:org\/texts:en/],
    ['hf:org/texts:eng', 'HUB_CONFIG', /found the config eng, expected one of en, de.*hf:org\/texts:en/],
    ['hf:org/texts:en/tests', 'HUB_SPLIT', /found the split tests, expected one of train, test.*hf:org\/texts:en\/test/],
    ['hf:org/none', 'HUB_NOT_FOUND', /no data set org\/none/],
    ['hf:org/texts@v9', 'HUB_NOT_FOUND', /v9/],
    ['hf:a/b/c/d', 'HUB_ID', /hf:org\/dataset/],
    ['hf:../x', 'HUB_ID', /org\/name/],
  ])('%s', async (name, code, says) => {
    await expect(read(name)).rejects.toMatchObject({ code, exitCode: 2, message: expect.stringMatching(says) as unknown });
  });

  test('a data set without parquet, and paths that lead elsewhere', async () => {
    hub.files.clear();
    hub.files.set('../../evil/train/0000.parquet', Buffer.from('PAR1'));
    await expect(read('hf:org/texts')).rejects.toMatchObject({ code: 'HUB_PARQUET', message: expect.stringContaining('no parquet file') as unknown });
  });
});
