import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { cacheFolder } from './cache-folder.js';
import { TENSORFLOW_VERSION, type Variant } from './wheel.js';

/** The version of Node-API that the binding is compiled for (as its package does). */
export const NAPI_VERSION = 8;

/** What `engine.json` in an engine's folder says; its presence means that the folder is complete. */
export interface EngineManifest {
  readonly tensorflow: string;
  readonly variant: Variant;
  readonly wheel: string;
  readonly sha256: string;
  readonly compiler: string;
  readonly installedAt: string;
}

/** An engine that was installed: where its parts are. */
export interface InstalledEngine extends EngineManifest {
  readonly folder: string;
  /** The addon that `@tensorflow/tfjs-node-gpu` loads. */
  readonly binding: string;
  /** TensorFlow's headers, for native kernels. */
  readonly includeFolder: string;
  /** TensorFlow's shared libraries. */
  readonly libraryFolder: string;
}

/** The installed npm package whose binding the engine is, and its version. */
export function bindingPackage(): { readonly folder: string; readonly version: string } {
  const require = createRequire(import.meta.url);
  const file = require.resolve('@tensorflow/tfjs-node-gpu/package.json');
  return { folder: dirname(file), version: (require(file) as { version: string }).version };
}

/** Where the engines of this user are. */
export function enginesFolder(environment: NodeJS.ProcessEnv = process.env): string {
  return join(cacheFolder(environment), 'engines');
}

/** The name of an engine's folder: everything that its binary files depend on. */
export function engineKey(variant: Variant): string {
  return [`tensorflow-${TENSORFLOW_VERSION}`, variant, `tfjs-${bindingPackage().version}`, process.platform, process.arch, `napi${NAPI_VERSION}`].join('-');
}

/** Where the parts of an engine lie. */
export type EngineParts = Pick<InstalledEngine, 'folder' | 'binding' | 'includeFolder' | 'libraryFolder'>;

/** Where the parts of an engine lie in its folder. */
export function engineParts(folder: string): EngineParts & { readonly manifest: string } {
  return {
    folder,
    binding: join(folder, 'binding', 'tfjs_binding.node'),
    includeFolder: join(folder, 'include'),
    libraryFolder: join(folder, 'lib'),
    manifest: join(folder, 'engine.json'),
  };
}

/**
 * The native engine that is installed for this platform, these versions and this user; `cuda` goes before `cpu`, since
 * it runs on both.
 *
 * @param environment - where the cache folder is looked up.
 * @param variants - the variants that will do, best first.
 */
export async function findEngine(
  environment: NodeJS.ProcessEnv = process.env,
  variants: readonly Variant[] = ['cuda', 'cpu'],
): Promise<InstalledEngine | undefined> {
  for (const variant of variants) {
    const { manifest, ...parts } = engineParts(join(enginesFolder(environment), engineKey(variant)));
    const text = await readFile(manifest, 'utf8').catch(() => undefined);
    if (text === undefined || !existsSync(parts.binding)) continue;
    try {
      return { ...(JSON.parse(text) as EngineManifest), ...parts };
    } catch {
      continue;
    }
  }
  return undefined;
}
