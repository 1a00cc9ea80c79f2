import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ChopError, CONTRACT, type Plugin, PluginError } from '@chop/core';

/** Plugins of one package, and where it came from. */
export interface LoadedPackage {
  readonly name: string;
  readonly version: string;
  readonly plugins: readonly Plugin[];
}

/** The packages that chop brings along: loaded exactly as a third party's are. */
export const BUILT_IN = ['@chop/models', '@chop/layer-chop', '@chop/dim-chop', '@chop/wanda', '@chop/distill-logits', '@chop/eval'] as const;

/**
 * Loads a package and collects the plugins among its exports.
 *
 * @param from - a folder: the package is resolved as a module there would resolve it. Absent: as this package would.
 * @throws {@link PluginError} `PLUGIN_MISSING`, `PLUGIN_BROKEN` when it throws while loading, `PLUGIN_EMPTY` when it exports no plugin, `PLUGIN_CONTRACT`.
 */
export async function loadPackage(name: string, from?: string): Promise<LoadedPackage> {
  const exports = await importFrom(name, from);
  const plugins = Object.values(exports).filter(isPlugin);
  if (plugins.length === 0) {
    throw new PluginError('PLUGIN_EMPTY', {
      found: `package ${name} without a plugin among its exports (${Object.keys(exports).join(', ') || 'none'})`,
      expected: 'an export made by family(), pruner(), distiller() or evaluator() of @chop/core',
      remedy: 'Name the package that exports the method itself, or tell its author.',
    });
  }
  const stranger = plugins.find(({ contract }) => contract !== CONTRACT);
  if (stranger) {
    throw new PluginError('PLUGIN_CONTRACT', {
      found: `${name}: ${stranger.pluginName} built for contract ${stranger.contract}`,
      expected: `contract ${CONTRACT}`,
      remedy: 'Install a version of the plugin that fits this chop.',
    });
  }
  return { name, version: await versionOf(name, from), plugins };
}

async function importFrom(name: string, from: string | undefined): Promise<Record<string, unknown>> {
  const module = from === undefined ? name : pathToFileURL(locate(name, from)).href;
  try {
    return (await import(module)) as Record<string, unknown>;
  } catch (cause) {
    if (cause instanceof ChopError) throw cause;
    throw new PluginError('PLUGIN_BROKEN', {
      found: `package ${name} that throws while loading: ${cause instanceof Error ? cause.message : String(cause)}`,
      expected: 'a module that loads',
      remedy: 'Tell its author, or leave it out.',
      cause,
    });
  }
}

function locate(name: string, from: string): string {
  try {
    return resolveFrom(name, from);
  } catch (cause) {
    throw new PluginError('PLUGIN_MISSING', {
      found: `no package ${name} to be resolved from ${from}`,
      expected: 'an installed package',
      remedy: `Install it there: npm install ${name}`,
      cause,
    });
  }
}

/** Resolves with the `import` conditions, which `require.resolve` lacks: by the package's own `exports`. */
function resolveFrom(name: string, from: string): string {
  if (name.startsWith('.') || name.startsWith('/')) return createRequire(join(from, 'x.js')).resolve(name);
  const require = createRequire(join(from, 'x.js'));
  try {
    return require.resolve(name);
  } catch (cause) {
    if ((cause as { code?: string }).code !== 'ERR_PACKAGE_PATH_NOT_EXPORTED') throw cause;
    const manifest = require.resolve.paths(name)!.map((folder) => join(folder, name));
    for (const folder of manifest) {
      const target = entryOf(folder, require);
      if (target) return join(folder, target);
    }
    throw cause;
  }
}

function entryOf(folder: string, require: NodeJS.Require): string | undefined {
  try {
    const { exports } = require(join(folder, 'package.json')) as { exports?: unknown };
    const root = (exports as Record<string, unknown> | undefined)?.['.'] ?? exports;
    const target =
      typeof root === 'string'
        ? root
        : ((root as Record<string, unknown> | undefined)?.['import'] ?? (root as Record<string, unknown> | undefined)?.['default']);
    return typeof target === 'string' ? target : undefined;
  } catch {
    return undefined;
  }
}

async function versionOf(name: string, from: string | undefined): Promise<string> {
  const require = createRequire(from === undefined ? import.meta.url : join(from, 'x.js'));
  for (const folder of require.resolve.paths(name) ?? []) {
    try {
      return (require(join(folder, name, 'package.json')) as { version: string }).version;
    } catch {
      continue;
    }
  }
  return 'unknown';
}

function isPlugin(value: unknown): value is Plugin {
  const plugin = value as Partial<Plugin> | null | undefined;
  return (
    (typeof value === 'object' || typeof value === 'function') &&
    plugin !== null &&
    typeof plugin?.contract === 'number' &&
    typeof plugin.pluginName === 'string' &&
    plugin.module !== undefined
  );
}
