import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { TINY_WHEEL, zip } from '../../test/tiny-wheel.js';
import { placeOf, unpackWheel } from './unpack.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chop-unpack-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function unpack(bytes: Buffer): Promise<number> {
  await writeFile(join(folder, 'a.whl'), bytes);
  return unpackWheel(join(folder, 'a.whl'), join(folder, 'engine'), () => undefined);
}

test('only libraries, headers and licences are unpacked', async () => {
  expect(await unpack(TINY_WHEEL)).toBe(4);
  const entries = await readdir(join(folder, 'engine'), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name).slice(join(folder, 'engine').length + 1));
  expect(files.sort()).toEqual([
    'include/tensorflow/c/c_api.h',
    'lib/libtensorflow_cc.so.2',
    'lib/libtensorflow_framework.so.2',
    'licenses/THIRD_PARTY_NOTICES.txt',
  ]);
  expect(await readFile(join(folder, 'engine/include/tensorflow/c/c_api.h'), 'utf8')).toBe('header');
});

test.each(['tensorflow/include/../../../escaped.h', 'tensorflow/include//../../../escaped.h', '/tensorflow/include/a.h', 'tensorflow\\include\\..\\..\\a.h'])(
  'an entry %s is refused and nothing is written outside',
  async (name) => {
    await expect(unpack(zip({ [name]: 'evil', 'tensorflow/libtensorflow_cc.so.2': '' }))).rejects.toMatchObject({ code: 'ENGINE_WHEEL' });
    expect((await readdir(folder)).filter((entry) => entry !== 'engine')).toEqual(['a.whl']);
  },
);

test('a file that is no wheel, or one of another package, is an error', async () => {
  await expect(unpack(Buffer.from('<html>please log in</html>'))).rejects.toMatchObject({ code: 'ENGINE_WHEEL' });
  await expect(unpack(zip({ 'numpy/__init__.py': '' }))).rejects.toMatchObject({ code: 'ENGINE_WHEEL' });
});

test("NVIDIA's libraries go where those of TensorFlow look for them, and one header with them", async () => {
  expect(placeOf('nvidia/cublas/lib/libcublas.so.12')).toBe('nvidia/cublas/lib/libcublas.so.12');
  expect(placeOf('nvidia/cuda_nvrtc/include/nvrtc.h')).toBe('nvidia/cuda_nvrtc/include/nvrtc.h');
  expect(placeOf('nvidia_cublas_cu12-12.5.3.2.dist-info/License.txt')).toBe('licenses/nvidia_cublas_cu12-12.5.3.2.txt');
  expect(['nvidia/cublas/include/cublas.h', 'nvidia/cublas/lib/__init__.py', 'nvidia/../lib/a.so'].map(placeOf)).toEqual([undefined, undefined, undefined]);
  expect(await unpack(zip({ 'nvidia/cublas/lib/libcublas.so.12': '', 'nvidia/cublas/include/cublas.h': '' }))).toBe(1);
});

test('licences are found where older and newer wheels have them', () => {
  expect(placeOf('tensorflow_cpu-2.18.0.dist-info/LICENSE')).toBe('licenses/LICENSE');
  expect(placeOf('tensorflow_cpu-2.18.0.dist-info/licenses/LICENSE')).toBe('licenses/LICENSE');
  expect(placeOf('tensorflow/libtensorflow_cc.2.dylib')).toBe('lib/libtensorflow_cc.2.dylib');
  expect(placeOf('tensorflow/python/_pywrap.so')).toBeUndefined();
});
