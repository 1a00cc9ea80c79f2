import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { indexOf, pinOf, withServer } from '../../test/tiny-wheel.js';
import { download } from './download.js';
import { findOnIndex } from './simple-index.js';

const bytes = randomBytes(300_000);
const wheel = pinOf(bytes);
let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chop-download-'));
  file = join(folder, 'a.part');
});
afterEach(() => rm(folder, { recursive: true }));

test.each([{ html: false }, { html: true }])('a wheel is found on an index (%o) and downloaded', async (kind) => {
  await withServer(indexOf(wheel, bytes, kind), async (origin) => {
    const seen: number[] = [];
    const from = await findOnIndex(`${origin}/simple`, wheel);
    expect(from.url).toBe(`${origin}/files/${wheel.file}`);
    await download(from, wheel, file, { onBytes: (done) => seen.push(done) });
    expect((await readFile(file)).equals(bytes)).toBe(true);
    expect(seen.at(-1)).toBe(bytes.length);
  });
});

test('an interrupted download goes on where it stopped', async () => {
  await writeFile(file, bytes.subarray(0, 100_000));
  await withServer(indexOf(wheel, bytes), async (origin, requests) => {
    await download(await findOnIndex(`${origin}/simple`, wheel), wheel, file);
    expect(requests.at(-1)?.headers.range).toBe('bytes=100000-');
    expect((await readFile(file)).equals(bytes)).toBe(true);
  });
});

test('a connection that breaks is taken up again', async () => {
  let broken = 0;
  const answer = indexOf(wheel, bytes);
  await withServer(
    (request, response) => {
      if (request.headers.range !== undefined || !request.url?.startsWith('/files/')) return answer(request, response);
      broken += 1;
      response.writeHead(200, { 'content-length': bytes.length });
      response.write(bytes.subarray(0, 50_000), () => setTimeout(() => response.destroy(), 50));
    },
    async (origin, requests) => {
      await download(await findOnIndex(`${origin}/simple`, wheel), wheel, file, { waitMs: 1 });
      expect(broken).toBe(1);
      expect(Number(/\d+/.exec(requests.at(-1)?.headers.range ?? '')?.[0])).toBeGreaterThan(0);
      expect((await readFile(file)).equals(bytes)).toBe(true);
    },
  );
});

test('a spoilt part is fetched once more from the start', async () => {
  await writeFile(file, Buffer.alloc(100_000));
  await withServer(indexOf(wheel, bytes), async (origin) => {
    await download(await findOnIndex(`${origin}/simple`, wheel), wheel, file);
    expect((await readFile(file)).equals(bytes)).toBe(true);
  });
});

test('a server without ranges sends all, and the part is replaced', async () => {
  await writeFile(file, bytes.subarray(0, 1000));
  await withServer(
    (_, response) => response.end(bytes),
    async (origin) => {
      await download({ url: `${origin}/any`, headers: {} }, wheel, file);
      expect((await readFile(file)).equals(bytes)).toBe(true);
    },
  );
});

test('other bytes than pinned are refused and deleted', async () => {
  const other = randomBytes(bytes.length);
  await withServer(
    (_, response) => response.end(other),
    async (origin) => {
      await expect(download({ url: `${origin}/any`, headers: {} }, wheel, file)).rejects.toMatchObject({
        code: 'ENGINE_HASH',
        facts: { expected: wheel.sha256 },
      });
      await expect(stat(file)).rejects.toMatchObject({ code: 'ENOENT' });
    },
  );
});

test('an index that names another hash is refused before the download', async () => {
  await withServer(indexOf({ ...wheel, sha256: 'f'.repeat(64) }, bytes), async (origin, requests) => {
    await expect(findOnIndex(`${origin}/simple`, wheel)).rejects.toMatchObject({ code: 'ENGINE_HASH' });
    expect(requests).toHaveLength(1);
  });
});

test('an index without the package or without the file is an error of its own', async () => {
  await withServer(indexOf(wheel, bytes), async (origin) => {
    await expect(findOnIndex(`${origin}/simple`, { ...wheel, project: 'absent' })).rejects.toMatchObject({ code: 'ENGINE_NO_WHEEL' });
    await expect(findOnIndex(`${origin}/simple`, { ...wheel, file: 'absent.whl' })).rejects.toMatchObject({ code: 'ENGINE_NO_WHEEL' });
  });
});

test('the login of an index goes to its own server and into no message', async () => {
  await withServer(
    (request, response) =>
      request.headers.authorization === `Basic ${Buffer.from('me:s3cret').toString('base64')}`
        ? indexOf(wheel, bytes)(request, response)
        : response.writeHead(401).end(),
    async (origin) => {
      const login = origin.replace('http://', 'http://me:s3cret@');
      await download(await findOnIndex(`${login}/simple`, wheel), wheel, file);
      expect((await readFile(file)).equals(bytes)).toBe(true);
      const refusal = await findOnIndex(`${login.replace('s3cret', 'wr0ng')}/simple`, wheel).catch((error: Error) => error);
      expect(refusal).toMatchObject({ code: 'ENGINE_DOWNLOAD' });
      expect(JSON.stringify(refusal)).not.toContain('wr0ng');
    },
  );
});

test('no connection is ENGINE_OFFLINE, and an abort is an interruption that keeps the part', async () => {
  await expect(findOnIndex('http://127.0.0.1:9/simple', wheel)).rejects.toMatchObject({ code: 'ENGINE_OFFLINE' });
  const stop = new AbortController();
  await withServer(
    (_, response) => void response.writeHead(200).write(bytes.subarray(0, 50_000)),
    async (origin) => {
      const running = download({ url: `${origin}/any`, headers: {} }, wheel, file, { signal: stop.signal, onBytes: () => setTimeout(() => stop.abort(), 50) });
      await expect(running).rejects.toMatchObject({ code: 'INTERRUPTED' });
      expect((await stat(file)).size).toBeGreaterThan(0);
    },
  );
});
