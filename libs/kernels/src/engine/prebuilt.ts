import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { TENSORFLOW_VERSION } from './wheel.js';

/** The package that holds the native kernels of a platform, compiled: an optional dependency, so that no compiler is needed for them. */
export function prebuiltPackage(platform: string = process.platform, arch: string = process.arch): string {
  return `@chop/kernels-${platform}-${arch}`;
}

/** What such a package says of itself in its package.json, under `chop`. */
export interface PrebuiltFacts {
  /** Of the sources that it was compiled from: kernels of other sources are not taken. */
  readonly hash: string;
  readonly tensorflow: string;
}

/**
 * The addon in the prebuilt package of this platform, where that is installed and was made from these sources.
 *
 * @param hash - of the sources.
 * @param from - where the package is looked for; by default where this package is.
 */
export function prebuiltAddon(hash: string, from: string = import.meta.url): string | undefined {
  const require = createRequire(from);
  try {
    const manifest = require.resolve(`${prebuiltPackage()}/package.json`);
    const { chop } = require(manifest) as { chop?: PrebuiltFacts };
    return chop?.hash === hash && chop.tensorflow === TENSORFLOW_VERSION ? join(dirname(manifest), 'chop_kernels.node') : undefined;
  } catch {
    return undefined;
  }
}
