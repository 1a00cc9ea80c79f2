import type { Wheel } from './wheel.js';

/** Package, version, SHA-256, bytes of the file, bytes of what is unpacked. */
type Row = readonly [project: string, version: string, sha256: string, fileBytes: number, unpackedBytes: number];

/**
 * NVIDIA's libraries in the versions that TensorFlow 2.18.0 names in its extra `and-cuda`: those that its library opens, what these need, and NVRTC, which compiles
 * our kernels. Left out of that list: NCCL (it is linked into TensorFlow), cuRAND (TensorFlow makes random numbers itself) and ptxas (XLA's, which is not used).
 */
const ROWS: readonly Row[] = [
  ['nvidia-cublas-cu12', '12.5.3.2', 'ca070ad70e9fa6654084575d01bd001f30cc4665e33d4bb9fc8e0f321caa034b', 363_313_169, 551_800_000],
  ['nvidia-cuda-cupti-cu12', '12.5.82', 'bde77a5feb66752ec61db2adfe47f56b941842825b4c7e2068aff27c9d107953', 13_811_507, 44_000_000],
  ['nvidia-cuda-nvrtc-cu12', '12.5.82', '3dbd97b0104b4bfbc3c4f8c79cd2496307c89c43c29a9f83125f1d76296ff3fd', 24_873_108, 68_300_000],
  ['nvidia-cuda-runtime-cu12', '12.5.82', '3e79a060e126df40fd3a068f3f787eb000fa51b251ec6cd97d09579632687115', 895_707, 800_000],
  ['nvidia-cudnn-cu12', '9.3.0.75', '9ad9c6929ebb5295eb4a1728024666d1c88283373e265a0c5c883e6f9d5cd76d', 577_163_502, 885_400_000],
  ['nvidia-cufft-cu12', '11.2.3.61', '9a6e8df162585750f61983a638104a48c756aa13f9f48e19ab079b38e3c828b8', 192_524_114, 279_000_000],
  ['nvidia-cusolver-cu12', '11.6.3.83', '93cfafacde4428b71778eeb092ec615a02a3d05404da1bcf91c53e3fa1bce42b', 130_341_232, 218_200_000],
  ['nvidia-cusparse-cu12', '12.5.1.3', '016df8e993c437e8301e62739f01775cba988fd5253cd4c64173f8e8d2f8e752', 217_558_979, 295_800_000],
  ['nvidia-nvjitlink-cu12', '12.5.82', 'f9b37bc5c8cf7509665cb6ada5aaa0ce65618f2332b7d3e78e9790511f111212', 21_298_879, 54_600_000],
];

/** The wheels of NVIDIA that the variant `cuda` needs beside TensorFlow's. */
export const NVIDIA_WHEELS: readonly Wheel[] = ROWS.map(([project, version, sha256, fileBytes, unpackedBytes]) => ({
  ...{ project, version, sha256, fileBytes },
  file: `${project.replaceAll('-', '_')}-${version}-py3-none-manylinux2014_x86_64.whl`,
  platform: 'manylinux2014_x86_64',
  diskBytes: fileBytes + unpackedBytes,
}));
