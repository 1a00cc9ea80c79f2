import { expect, test } from '@jest/globals';
import { neededBytes, pinnedWheels } from './wheel.js';

test('the engine for CUDA is made of TensorFlow and of wheels of NVIDIA for the same platform, each of another package', () => {
  const [tensorflow, ...others] = pinnedWheels('cuda', 'linux-x64');
  expect(tensorflow.project).toBe('tensorflow');
  expect(others.map(({ project }) => project)).toContain('nvidia-cuda-nvrtc-cu12');
  for (const { file, project, version, sha256, platform } of others) {
    expect(file).toBe(`${project.replaceAll('-', '_')}-${version}-py3-none-${platform}.whl`);
    expect(sha256).toMatch(/^[0-9a-f]{64}$/);
  }
  expect(new Set(others.map(({ sha256 }) => sha256)).size).toBe(others.length);
});

test('an install needs room for all that is unpacked and for the largest wheel beside it', () => {
  const wheel = pinnedWheels('cpu', 'linux-x64')[0];
  const [small, large] = [
    { ...wheel, fileBytes: 10, diskBytes: 30 },
    { ...wheel, fileBytes: 40, diskBytes: 45 },
  ];
  expect(neededBytes([small, large])).toBe(20 + 5 + 40);
});

test('there is no CUDA for other platforms', () => {
  expect(() => pinnedWheels('cuda', 'darwin-arm64')).toThrow(expect.objectContaining({ code: 'ENGINE_NO_WHEEL' }));
});
