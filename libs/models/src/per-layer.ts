import { type Axes, CheckpointError, type Config } from '@chop/core';
import { z } from 'zod';
import { count } from './sizes.js';

/** The sizes that layers may differ in, as configs spell them. */
const KEYS = ['intermediate_size', 'num_key_value_heads', 'num_attention_heads'] as const;
type Sizes = Readonly<Record<(typeof KEYS)[number], number>>;

/**
 * `per_layer_config` of transformers (5.15): by the number of a layer what it has otherwise than the config says for all, `{ "5": { "intermediate_size": 8192 } }`.
 * Its configs know it; the models of families that have it here build every layer from the one number for all.
 */
export const perLayerSchema = z.record(
  z.string().regex(/^(0|[1-9]\d*)$/, 'expected the numbers of layers'),
  z.looseObject({ intermediate_size: count.optional(), num_key_value_heads: count.optional(), num_attention_heads: count.optional() }),
);

/** Sizes of one layer by axis. */
export interface LayerSizes {
  readonly ffn: number;
  readonly kv: number;
  /** Query heads per key and value head. */
  readonly group: number;
}

/**
 * The sizes of every layer, where the config has any of their own.
 *
 * @param common - what the config says for all layers.
 * @throws {@link CheckpointError} `CONFIG_UNSUPPORTED` for layers that differ in something else, `CONFIG_INVALID` for heads that do not divide or a layer that is not there.
 */
export function layerSizes(given: z.output<typeof perLayerSchema> | null | undefined, layers: number, common: Sizes): readonly LayerSizes[] | undefined {
  const own = Object.entries(given ?? {});
  if (own.length === 0) return undefined;
  for (const [at, layer] of own) {
    const other = Object.keys(layer).find((key) => !(KEYS as readonly string[]).includes(key));
    if (other !== undefined)
      throw new CheckpointError('CONFIG_UNSUPPORTED', {
        found: `per_layer_config.${at} with ${other}`,
        expected: KEYS.join(', '),
        remedy: 'A plugin can add a family with it.',
      });
    if (Number(at) >= layers)
      throw new CheckpointError('CONFIG_INVALID', { found: `per_layer_config of layer ${at}`, expected: `a layer from 0 to ${layers - 1}` });
  }
  return Array.from({ length: layers }, (_, at) => {
    const layer = given?.[at] ?? {};
    const [ffn, kv, heads] = KEYS.map((key) => layer[key] ?? common[key]) as [number, number, number];
    if (heads % kv !== 0)
      throw new CheckpointError('CONFIG_INVALID', {
        found: `${heads} query heads and ${kv} key-value heads in layer ${at}`,
        expected: 'a whole number of query heads per key-value head',
      });
    return { ffn, kv, group: heads / kv };
  });
}

/** What a config says of the sizes that layers may differ in: for all what most layers have, and where one differs, its own. */
export function layerConfig(axes: Axes): Config {
  const layers = Array.from({ length: axes.layers }, (_, at): Sizes => {
    const kv = axes.size('kv', at);
    return { intermediate_size: axes.size('ffn', at), num_key_value_heads: kv, num_attention_heads: kv * axes.size('group', at) };
  });
  return layers.length === 0 ? {} : sizesConfig(layers);
}

/** The same of the sizes of at least one layer. */
export function sizesConfig(layers: readonly Sizes[]): Config {
  const common = Object.fromEntries(KEYS.map((key) => [key, mostOf(layers.map((layer) => layer[key]))]));
  const own = layers.flatMap((layer, at) => {
    const differing = KEYS.filter((key) => layer[key] !== common[key]);
    return differing.length === 0 ? [] : [[at, Object.fromEntries(differing.map((key) => [key, layer[key]]))] as const];
  });
  return { ...common, ...(own.length === 0 ? {} : { per_layer_config: Object.fromEntries(own) }) };
}

/** The size that most have; of several the one that comes first. */
function mostOf(sizes: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const size of sizes) counts.set(size, (counts.get(size) ?? 0) + 1);
  return [...counts].reduce((most, each) => (each[1] > most[1] ? each : most))[0];
}
