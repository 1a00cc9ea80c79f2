import { Container } from 'inversify';
import type { Checkpoint, Config } from './checkpoint.js';
import { CheckpointError, nearest, PluginError, UsageError } from './error.js';
import type { Family } from './family.js';
import type { Distiller } from './distiller.js';
import type { Evaluator } from './evaluator.js';
import type { Pruner } from './pruner.js';
import { BOUND, CONTRACT, type Plugin, type PluginKind } from './plugin.js';
import { fromStorage } from './storage.js';

/** What the container holds, by kind and name. */
export interface Parts {
  readonly families: ReadonlyMap<string, Family>;
  readonly pruners: ReadonlyMap<string, Pruner>;
  readonly distillers: ReadonlyMap<string, Distiller>;
  readonly evaluators: ReadonlyMap<string, Evaluator>;
}

/**
 * Wires plugins into the parts that verbs use: the only place that owns a container.
 *
 * @throws {@link PluginError} `PLUGIN_CONTRACT` for one built for another contract, `PLUGIN_TWICE` when two of a kind share a name.
 */
export function composeParts(plugins: readonly Plugin[]): Parts {
  const container = new Container({ defaultScope: 'Singleton' });
  for (const plugin of plugins) {
    if (plugin.contract !== CONTRACT) {
      throw new PluginError('PLUGIN_CONTRACT', {
        found: `${plugin.pluginName}, built for contract ${plugin.contract}`,
        expected: `contract ${CONTRACT}`,
        remedy: 'Install a version of the plugin that fits this chop, or the other way round.',
      });
    }
    container.load(plugin.module);
  }
  const all = <T extends { readonly name: string }>(kind: PluginKind): ReadonlyMap<string, T> => {
    const parts = container.isBound(BOUND[kind]) ? container.getAll<T>(BOUND[kind]) : [];
    const byName = new Map<string, T>();
    for (const part of parts) {
      if (byName.has(part.name))
        throw new PluginError('PLUGIN_TWICE', {
          found: `two ${kind}s named ${part.name}`,
          expected: 'different names',
          remedy: 'Leave one of the packages out.',
        });
      byName.set(part.name, part);
    }
    return byName;
  };
  return { families: all('family'), pruners: all('pruner'), distillers: all('distiller'), evaluators: all('evaluator') };
}

/** The part of that name, or an error that names the nearest one. */
export function named<T>(kind: PluginKind, parts: ReadonlyMap<string, T>, name: string): T {
  const part = parts.get(name);
  if (part !== undefined) return part;
  const known = [...parts.keys()];
  throw new UsageError('METHOD_UNKNOWN', {
    found: `${kind} ${name}`,
    expected: `one of ${known.join(', ') || 'none: no such plugin is loaded'}`,
    remedy:
      known.length > 0 ? `Did you mean ${nearest(name, known)}? A third party's method needs --plugin PACKAGE.` : 'Name its package with --plugin PACKAGE.',
  });
}

/** The family that a config's `architectures` names. */
export function familyOf(parts: Parts, config: Config, source: string): Family {
  const architectures = Array.isArray(config['architectures']) ? (config['architectures'] as unknown[]).filter((name) => typeof name === 'string') : [];
  for (const family of parts.families.values()) if (family.architectures.some((name) => architectures.includes(name))) return family;
  throw new CheckpointError('ARCHITECTURE_UNKNOWN', {
    file: source,
    found: architectures.length > 0 ? `architecture ${architectures.join(', ')}` : 'a config without "architectures", a list of names',
    expected: `one of ${[...parts.families.values()].flatMap((family) => family.architectures).join(', ')}`,
    remedy: 'A plugin can add a family: see "Write a family" in the docs.',
  });
}

/** A checkpoint as its family's table has it: GGUF files are translated, others are {@link fromStorage | arranged}. */
export async function inFamilyNames(parts: Parts, checkpoint: Checkpoint): Promise<Checkpoint> {
  const gguf = checkpoint.config['gguf'] as Record<string, unknown> | undefined;
  if (!gguf) return fromStorage(familyOf(parts, checkpoint.config, checkpoint.source), checkpoint);
  const architecture = String(gguf['general.architecture']);
  for (const family of parts.families.values()) if (family.gguf?.architectures.includes(architecture)) return family.gguf.translate(checkpoint);
  throw new CheckpointError('ARCHITECTURE_UNKNOWN', {
    file: checkpoint.source,
    found: `GGUF architecture ${architecture}`,
    expected: `one of ${[...parts.families.values()].flatMap((family) => family.gguf?.architectures ?? []).join(', ')}`,
    remedy: 'A plugin can add a family: see "Write a family" in the docs.',
  });
}
