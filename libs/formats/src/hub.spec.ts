import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { COMMIT, Hub } from '../test/hub-server.js';
import { resolveHub } from './hub.js';
import { openCheckpoint } from './open.js';
import { saveFolder } from './huggingface.js';

let base: string;
let hub: Hub;
let environment: Record<string, string>;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'chop-hub-'));
  hub = new Hub('model', 'org/tiny');
  const large = Uint8Array.from({ length: 400_000 }, (_, i) => (i * 7 + (i >> 9)) & 255);
  const tensors = ['a', 'b'].map((name) => ({
    name,
    shape: [100_000],
    dtype: 'F32' as const,
    async *pieces() {
      yield large;
    },
  }));
  const companions = new Map([['tokenizer.json', () => Promise.resolve(Buffer.from('{"t": 1}'))]]);
  await saveFolder(join(base, 'made'), { config: { model_type: 'llama' }, tensors, companions, card: '# card' }, { shardBytes: 500_000 });
  for (const name of await readdir(join(base, 'made'))) hub.files.set(name, await readFile(join(base, 'made', name)));
  hub.files.set('pytorch_model.bin', Buffer.from('pickle'));
  environment = { HF_ENDPOINT: await hub.start(), HF_HOME: join(base, 'home'), HOME: base };
});
afterEach(async () => {
  await hub.stop();
  await rm(base, { recursive: true, force: true });
});

const root = (): string => join(base, 'home', 'hub', 'models--org--tiny');
const shard = (i: number): string => `model-0000${i}-of-00002.safetensors`;

test('a model comes into the standard cache: blobs by hash, a snapshot of relative links, a ref', async () => {
  const seen: { bytes: number; totalBytes: number }[] = [];
  const folder = await resolveHub('org/tiny', { environment, onProgress: (progress) => seen.push(progress) });
  expect(folder).toBe(join(root(), 'snapshots', COMMIT));
  expect((await readdir(folder)).sort()).toEqual(['config.json', shard(1), shard(2), 'model.safetensors.index.json', 'tokenizer.json'].sort());
  for (const name of await readdir(folder)) {
    expect((await lstat(join(folder, name))).isSymbolicLink()).toBe(true);
    expect(Buffer.compare(await readFile(join(folder, name)), hub.files.get(name)!)).toBe(0);
    expect(await readFile(join(root(), 'blobs', hub.hash(name)))).toHaveLength(hub.files.get(name)!.length);
  }
  expect(await readFile(join(root(), 'refs', 'main'), 'utf8')).toBe(COMMIT);
  expect(seen.at(-1)!.bytes).toBe(seen.at(-1)!.totalBytes);
  expect(seen.map(({ bytes }) => bytes)).toEqual(seen.map(({ bytes }) => bytes).sort((a, b) => a - b));

  const checkpoint = await openCheckpoint('hf:org/tiny@v1', { environment });
  expect(checkpoint).toMatchObject({ source: 'hf:org/tiny@v1', config: { model_type: 'llama' } });
  expect([...checkpoint.tensors.keys()]).toEqual(['a', 'b']);
  await checkpoint.close();
  expect(await readFile(join(root(), 'refs', 'v1'), 'utf8')).toBe(COMMIT);
});

test('what is cached is not fetched again; a commit needs no connection at all', async () => {
  await resolveHub('org/tiny', { environment });
  hub.requests.length = 0;
  await resolveHub('org/tiny', { environment });
  expect(hub.requests.filter((request) => request.includes('/resolve/'))).toEqual([]);
  hub.requests.length = 0;
  await resolveHub('org/tiny', { environment, revision: COMMIT });
  expect(hub.requests).toEqual([]);
});

test('a download that broke off goes on where it was, in the same run and in the next', async () => {
  const size = hub.files.get(shard(2))!.length;
  let breaks = 0;
  hub.intercept = (request, response) => {
    const from = /^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1];
    const whole = request.url!.endsWith(shard(2)) && request.headers.range !== 'bytes=0-0';
    if (!whole || breaks >= 2) return false;
    breaks++;
    const start = Number(from ?? 0);
    response.writeHead(from ? 206 : 200, { 'Content-Length': size - start });
    response.write(hub.files.get(shard(2))!.subarray(start, start + 100_000), () => setTimeout(() => response.destroy(), 50));
    return true;
  };
  await resolveHub('org/tiny', { environment });
  expect(breaks).toBe(2);
  const ranges = hub.requests
    .filter((request) => request.includes(shard(2)) && !request.endsWith('bytes=0-0'))
    .map((request) => /bytes=(\d+)-/.exec(request)?.[1] ?? '0');
  expect(ranges).toEqual(['0', '100000', '200000']);

  const blob = join(root(), 'blobs', hub.hash(shard(2)));
  const whole = await readFile(blob);
  await rm(join(base, 'home'), { recursive: true });
  await mkdir(join(root(), 'blobs'), { recursive: true });
  await writeFile(`${blob}.incomplete`, whole.subarray(0, 123_456));
  hub.requests.length = 0;
  await resolveHub('org/tiny', { environment });
  expect(hub.requests.some((request) => request.includes(`${shard(2)} bytes=123456-`))).toBe(true);
  expect(Buffer.compare(await readFile(blob), whole)).toBe(0);
});

test('content that does not have its hash is not kept, and the next download is whole', async () => {
  const right = hub.files.get(shard(1))!;
  const blob = join(root(), 'blobs', hub.hash(shard(1)));
  await mkdir(join(root(), 'blobs'), { recursive: true });
  await writeFile(`${blob}.incomplete`, Buffer.alloc(1000, 1));
  await expect(resolveHub('org/tiny', { environment })).rejects.toMatchObject({ code: 'HUB_CORRUPT', message: expect.stringContaining(shard(1)) as unknown });
  expect((await readdir(join(root(), 'blobs'))).filter((name) => name.startsWith(hub.hash(shard(1))))).toEqual([]);
  await resolveHub('org/tiny', { environment });
  expect(Buffer.compare(await readFile(blob), right)).toBe(0);
});

test('an interrupt stops the download and keeps what came', async () => {
  const controller = new AbortController();
  hub.intercept = (request, response) => {
    if (!request.url!.endsWith(shard(1)) || request.headers.range === 'bytes=0-0') return false;
    response.writeHead(200, { 'Content-Length': hub.files.get(shard(1))!.length });
    response.write(hub.files.get(shard(1))!.subarray(0, 50_000), () => setTimeout(() => controller.abort(), 50));
    return true;
  };
  await expect(resolveHub('org/tiny', { environment, signal: controller.signal })).rejects.toMatchObject({ code: 'INTERRUPTED', exitCode: 130 });
  expect(await readFile(join(root(), 'blobs', `${hub.hash(shard(1))}.incomplete`))).toHaveLength(50_000);
});

test('without a connection a complete copy is used, an incomplete one is not', async () => {
  await resolveHub('org/tiny', { environment });
  const offline = { ...environment, HF_HUB_OFFLINE: '1' };
  hub.requests.length = 0;
  expect(await resolveHub('org/tiny', { environment: offline })).toBe(join(root(), 'snapshots', COMMIT));
  expect(hub.requests).toEqual([]);
  const unreachable = { ...environment, HF_ENDPOINT: 'http://127.0.0.1:9' };
  expect(await resolveHub('org/tiny', { environment: unreachable })).toBe(join(root(), 'snapshots', COMMIT));
  await rm(join(root(), 'snapshots', COMMIT, shard(2)));
  await expect(resolveHub('org/tiny', { environment: offline })).rejects.toMatchObject({
    code: 'HUB_OFFLINE',
    message: expect.stringContaining('Unset HF_HUB_OFFLINE') as unknown,
  });
  await expect(resolveHub('org/tiny', { environment: unreachable })).rejects.toMatchObject({
    code: 'HUB_UNREACHABLE',
    message: expect.stringContaining('HF_ENDPOINT') as unknown,
  });
});

test.each([
  ['HF_TOKEN', { HF_TOKEN: 'hf_given' }, 'hf_given'],
  ['the stored token', {}, 'hf_stored'],
  ['a stored token elsewhere', { HF_TOKEN_PATH: 'other' }, 'hf_other'],
])('%s is sent to the hub', async (_, variables: Record<string, string>, expected) => {
  await mkdir(environment['HF_HOME']!, { recursive: true });
  await writeFile(join(environment['HF_HOME']!, 'token'), 'hf_stored\n');
  await writeFile(join(base, 'other'), 'hf_other');
  const path = variables['HF_TOKEN_PATH'];
  const sent = new Set<string | undefined>();
  hub.intercept = (request) => (sent.add(request.headers.authorization), false);
  await resolveHub('org/tiny', { environment: { ...environment, ...variables, ...(path ? { HF_TOKEN_PATH: join(base, path) } : {}) } });
  expect([...sent]).toEqual([`Bearer ${expected}`]);
});

test('HF_HUB_CACHE comes before HF_HOME', async () => {
  const folder = await resolveHub('org/tiny', { environment: { ...environment, HF_HUB_CACHE: join(base, 'elsewhere') } });
  expect(folder).toBe(join(base, 'elsewhere', 'models--org--tiny', 'snapshots', COMMIT));
});

describe('what the hub refuses is said with what to do', () => {
  test.each<[what: string, status: number, code: string, says: string]>([
    ['a gated model', 403, 'HUB_DENIED', 'accept its terms'],
    ['a private model', 401, 'HUB_DENIED', 'HF_TOKEN'],
    ['a hub that is down', 503, 'HUB_FAILED', '503'],
  ])('%s', async (_, status, code, says) => {
    hub.intercept = (_request, response) => (response.writeHead(status, { 'Content-Type': 'application/json' }).end('{"error":"no"}'), true);
    await expect(resolveHub('org/tiny', { environment })).rejects.toMatchObject({ code, exitCode: 2, message: expect.stringContaining(says) as unknown });
  });

  test('an unknown model and an unknown revision', async () => {
    await expect(resolveHub('org/none', { environment })).rejects.toMatchObject({
      code: 'HUB_NOT_FOUND',
      message: expect.stringContaining('org/none') as unknown,
    });
    await expect(resolveHub('org/tiny', { environment, revision: 'v9' })).rejects.toMatchObject({
      code: 'HUB_NOT_FOUND',
      message: expect.stringContaining('v9') as unknown,
    });
  });

  test('a token that is none', async () => {
    await expect(resolveHub('org/tiny', { environment: { ...environment, HF_TOKEN: 'secret' } })).rejects.toMatchObject({
      code: 'HUB_DENIED',
      message: expect.not.stringContaining('secret') as unknown,
    });
  });

  test('a model with pickled weights only, and one with GGUF files only', async () => {
    for (const name of [shard(1), shard(2), 'model.safetensors.index.json']) hub.files.delete(name);
    await expect(resolveHub('org/tiny', { environment })).rejects.toMatchObject({ code: 'CHECKPOINT_PICKLE' });
    hub.files.set('tiny-q4.gguf', Buffer.from('x'));
    await expect(resolveHub('org/tiny', { environment })).rejects.toMatchObject({
      code: 'CHECKPOINT_WEIGHTS_MISSING',
      message: expect.stringContaining('tiny-q4.gguf') as unknown,
    });
  });

  test('an index that names a path outside, or a shard that is not there', async () => {
    hub.files.set('model.safetensors.index.json', Buffer.from('{"weight_map":{"a":"../../evil.safetensors"}}'));
    await expect(resolveHub('org/tiny', { environment })).rejects.toMatchObject({ code: 'CHECKPOINT_NAME' });
    await rm(root(), { recursive: true });
    hub.files.set('model.safetensors.index.json', Buffer.from('{"weight_map":{"a":"gone.safetensors"}}'));
    await expect(resolveHub('org/tiny', { environment })).rejects.toMatchObject({
      code: 'CHECKPOINT_SHARD_MISSING',
      message: expect.stringContaining('gone.safetensors') as unknown,
    });
  });

  test.each(['../evil', 'a/b/c', 'org/..', '', 'org/', 'org/na me', 'org--x/y'])('an id that cannot be one: %s', async (id) => {
    await expect(resolveHub(id, { environment })).rejects.toMatchObject({ code: 'HUB_ID' });
  });

  test.each(['..', 'a/../b', '', 'x y'])('a revision that cannot be one: %s', async (revision) => {
    await expect(resolveHub('org/tiny', { environment, revision })).rejects.toMatchObject({ code: 'HUB_ID' });
  });

  test('a cache that cannot be written', async () => {
    const asNobody = process.getuid?.() === 0;
    await mkdir(join(base, 'locked'));
    await chmod(join(base, 'locked'), 0o555);
    if (asNobody) {
      await chmod(base, 0o755);
      process.seteuid!(65534);
    }
    try {
      await expect(resolveHub('org/tiny', { environment: { ...environment, HF_HUB_CACHE: join(base, 'locked') } })).rejects.toMatchObject({
        code: 'OUTPUT_READ_ONLY',
      });
    } finally {
      if (asNobody) process.seteuid!(0);
    }
  });
});
