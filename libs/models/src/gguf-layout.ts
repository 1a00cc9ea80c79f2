import { type Blueprint, type GgufLayout, UsageError } from '@chop/core';
import type { GroupedSettings, PlainSettings } from './config.js';
import type { GgufTable } from './gguf-names.js';
import { scalingFacts } from './gguf-scaling.js';

/** What a GGUF file says of a model beside its weights. */
export type GgufFacts = Omit<GgufLayout, 'tensors'>;

/** A model as its family's table lays it out for llama.cpp: the names of reading backwards, its orders of rows, its values. */
export function layoutOf(table: GgufTable, blueprint: Blueprint, facts: GgufFacts): GgufLayout {
  const outer = reversed(table.outer);
  const layer = reversed(table.layer);
  const inner = blueprint.axes.common('inner')!;
  const tensors = [...blueprint.weights.keys()].map((own) => {
    const [, at, part, kind] = own.startsWith(table.prefix) ? /^(\d+)\.(.+)\.(weight|bias)$/.exec(own.slice(table.prefix.length))! : [];
    const there = part === undefined ? undefined : layer[part];
    const name = there === undefined ? outer[own] : `blk.${at}.${there}.${kind}`;
    if (name === undefined) throw unsupported(`the weight ${own}`);
    const rows = there === undefined ? undefined : table.rows?.(there, blueprint.weight(own).shape[0]!, inner, facts.architecture);
    const excess = table.excess?.(own) ?? 0;
    return [own, { name, ...(rows ? { rows: inverse(rows) } : {}), ...(excess === 0 ? {} : { excess }) }] as const;
  });
  return { ...facts, tensors: new Map(tensors) };
}

/**
 * Keys of a model with grouped queries.
 * @throws {@link PlanError} `AXIS_NOT_UNIFORM`: llama.cpp has one size of FFN and one number of heads for all layers of these architectures.
 */
export function groupedFacts(blueprint: Blueprint, architecture: string, settings: GroupedSettings): GgufFacts {
  blueprint.checkUniform();
  const [kv, group, inner] = ['kv', 'group', 'inner'].map((axis) => blueprint.axes.common(axis)!) as [number, number, number];
  const scaling = scalingFacts(settings, architecture);
  return {
    architecture,
    ...scaling,
    whole: {
      ...sizes(blueprint, settings.vocab, blueprint.config['max_position_embeddings']),
      'attention.head_count': kv * group,
      'attention.head_count_kv': kv,
      'attention.key_length': inner,
      'attention.value_length': inner,
      'rope.dimension_count': settings.turned,
      ...scaling.whole,
    },
    floats: { 'attention.layer_norm_rms_epsilon': settings.eps, 'rope.freq_base': settings.theta, ...scaling.floats },
  };
}

/** Keys of a model whose heads have keys of their own, with LayerNorm. */
export function plainFacts(blueprint: Blueprint, architecture: string, settings: PlainSettings, context: unknown): GgufFacts {
  blueprint.checkUniform();
  expectFullHeads(blueprint, blueprint.axes.common('head')!);
  return {
    architecture,
    whole: { ...sizes(blueprint, settings.vocab, context), 'attention.head_count': blueprint.axes.common('head')! },
    floats: { 'attention.layer_norm_epsilon': settings.eps },
  };
}

/** @throws {@link UsageError} `FORMAT_UNSUPPORTED`: these architectures of llama.cpp take the size of a head to be the width over the heads. */
export function expectFullHeads({ axes }: Blueprint, heads: number): void {
  const [inner, width] = [axes.common('inner')!, axes.size('width')];
  if (heads * inner === width) return;
  throw unsupported(`${heads} heads of ${inner} in a width of ${width}`, `heads that fill the width: ${width / inner} of them`);
}

/** @throws {@link UsageError} `FORMAT_UNSUPPORTED` always */
export function unsupported(found: string, expected = 'a model that a GGUF file of this kind can describe'): UsageError {
  return new UsageError('FORMAT_UNSUPPORTED', { found, expected, remedy: 'Save it as --format hf.' });
}

function sizes({ axes }: Blueprint, vocab: number, context: unknown): Readonly<Record<string, number>> {
  return {
    vocab_size: vocab,
    context_length: Number(context ?? 2048),
    embedding_length: axes.size('width'),
    block_count: axes.layers,
    feed_forward_length: axes.common('ffn')!,
  };
}

/** Hugging Face's name → GGUF's. */
function reversed(names: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(names).map(([gguf, own]) => [own, gguf]));
}

/** For each row there the row here. */
function inverse(rows: Int32Array): Int32Array {
  const back = new Int32Array(rows.length);
  rows.forEach((there, here) => (back[there] = here));
  return back;
}
