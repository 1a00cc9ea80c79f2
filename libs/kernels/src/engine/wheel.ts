import { EngineError } from '@chop/core';
import { NVIDIA_WHEELS } from './nvidia-wheels.js';

/** The TensorFlow whose libraries the engine is made of. */
export const TENSORFLOW_VERSION = '2.18.0';

/** `cpu`: the smaller library. `cuda`: one library for CPU and NVIDIA GPU alike. */
export type Variant = 'cpu' | 'cuda';

/** One pinned file of the Python package index. */
export interface Wheel {
  /** The name of the package on a simple index. */
  readonly project: string;
  readonly version: string;
  readonly file: string;
  readonly sha256: string;
  readonly fileBytes: number;
  /** The platform tag that `pip download --platform` takes. */
  readonly platform: string;
  /** Free disk that an install needs at its fullest: the wheel and what is unpacked from it. */
  readonly diskBytes: number;
}

/** Every wheel of one version holds the same libraries; those for this Python were chosen. */
export const WHEEL_PYTHON = { version: '3.11', abi: 'cp311' } as const;

const PINNED: { readonly [platform: string]: { readonly [variant in Variant]?: Wheel } } = {
  'linux-x64': {
    cpu: {
      project: 'tensorflow-cpu',
      version: TENSORFLOW_VERSION,
      file: 'tensorflow_cpu-2.18.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl',
      sha256: '089e71746960ea581dca53401f84b3b99c8537313e337a9e5dbf97036a936f7e',
      fileBytes: 230_152_077,
      platform: 'manylinux2014_x86_64',
      diskBytes: 1_300_000_000,
    },
    cuda: {
      project: 'tensorflow',
      version: TENSORFLOW_VERSION,
      file: 'tensorflow-2.18.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl',
      sha256: '70b8dd70fa3600bfce66ab529eebb804e1f9d7c863d2f71bc8fe9fc7a1ec3976',
      fileBytes: 615_407_268,
      platform: 'manylinux2014_x86_64',
      diskBytes: 3_000_000_000,
    },
  },
  'linux-arm64': {
    cpu: {
      project: 'tensorflow',
      version: TENSORFLOW_VERSION,
      file: 'tensorflow-2.18.0-cp311-cp311-manylinux_2_17_aarch64.manylinux2014_aarch64.whl',
      sha256: '85f1e7369af6d329b117b52e86093cd1e0458dd5404bf5b665853f873dd00b48',
      fileBytes: 231_839_918,
      platform: 'manylinux2014_aarch64',
      diskBytes: 1_300_000_000,
    },
  },
  'darwin-arm64': {
    cpu: {
      project: 'tensorflow',
      version: TENSORFLOW_VERSION,
      file: 'tensorflow-2.18.0-cp311-cp311-macosx_12_0_arm64.whl',
      sha256: '453cb60638a02fd26316fb36c8cbcf1569d33671f17c658ca0cf2b4626f851e7',
      fileBytes: 239_492_146,
      platform: 'macosx_12_0_arm64',
      diskBytes: 1_300_000_000,
    },
  },
};

/**
 * The wheel that holds TensorFlow's libraries for a platform.
 *
 * @throws {@link EngineError} `ENGINE_NO_WHEEL` where no such wheel exists.
 */
export function pinnedWheel(variant: Variant, platform: string = `${process.platform}-${process.arch}`): Wheel {
  const wheel = PINNED[platform]?.[variant];
  if (wheel !== undefined) return wheel;
  const known = Object.entries(PINNED).flatMap(([name, variants]) => Object.keys(variants).map((kind) => `${name} ${kind}`));
  throw new EngineError('ENGINE_NO_WHEEL', {
    found: `${platform} ${variant}`,
    expected: `one of ${known.join(', ')}`,
    remedy: 'chop runs here on the engine wasm: leave out --engine, or say --engine wasm.',
  });
}

/** All wheels that a variant of the engine is made of, TensorFlow's first. */
export function pinnedWheels(variant: Variant, platform?: string): readonly [Wheel, ...Wheel[]] {
  return [pinnedWheel(variant, platform), ...(variant === 'cuda' ? NVIDIA_WHEELS : [])];
}

/** Free disk that an install of these needs at its fullest: what is unpacked stays, and one wheel at a time lies beside it. */
export function neededBytes(wheels: readonly Wheel[]): number {
  return wheels.reduce((sum, { diskBytes, fileBytes }) => sum + diskBytes - fileBytes, 0) + Math.max(...wheels.map(({ fileBytes }) => fileBytes));
}
