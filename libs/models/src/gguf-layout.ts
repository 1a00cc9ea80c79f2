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

/** Axes that llama.cpp counts layer by layer for architectures that have such layers. */
const UNEVEN = ['ffn', 'kv', 'group'] as const;

/** True where layers differ in a size that there are lists for. */
export function isUneven({ axes }: Blueprint): boolean {
  return UNEVEN.some((axis) => axes.common(axis) === undefined);
}

/**
 * Keys of a model with grouped queries; sizes in which layers differ are lists.
 *
 * @param lists - the architecture builds each layer by its own sizes.
 * @throws {@link UsageError} `FORMAT_UNSUPPORTED` for layers that differ, where it does not.
 */
export function groupedFacts(blueprint: Blueprint, architecture: string, settings: GroupedSettings, { lists = false } = {}): GgufFacts {
  const { axes } = blueprint;
  const uneven = UNEVEN.find((axis) => axes.common(axis) === undefined);
  if (uneven !== undefined && !lists) throw unevenError(blueprint, uneven);
  const [inner, scaling] = [axes.common('inner')!, scalingFacts(settings, architecture)];
  const ofLayers = (size: (at: number) => number): readonly number[] => Array.from({ length: axes.layers }, (_, at) => size(at));
  const counted = {
    feed_forward_length: ofLayers((at) => axes.size('ffn', at)),
    'attention.head_count': ofLayers((at) => axes.size('kv', at) * axes.size('group', at)),
    'attention.head_count_kv': ofLayers((at) => axes.size('kv', at)),
  };
  const [even, own] = [true, false].map((isEven) => Object.entries(counted).filter(([, list]) => list.every((size) => size === list[0]) === isEven));
  return {
    architecture,
    ...scaling,
    whole: {
      ...sizes(blueprint, settings.vocab, blueprint.config['max_position_embeddings']),
      ...Object.fromEntries(even!.map(([key, [size]]) => [key, size!])),
      'attention.key_length': inner,
      'attention.value_length': inner,
      'rope.dimension_count': settings.turned,
      ...scaling.whole,
    },
    ...(own!.length === 0 ? {} : { lists: Object.fromEntries(own!) }),
    floats: { 'attention.layer_norm_rms_epsilon': settings.eps, 'rope.freq_base': settings.theta, ...scaling.floats },
  };
}

function unevenError({ axes, family }: Blueprint, axis: string): UsageError {
  const found = [...new Set(Array.from({ length: axes.layers }, (_, at) => axes.size(axis, at)))].sort((a, b) => a - b);
  return new UsageError('FORMAT_UNSUPPORTED', {
    found: `layers of different ${axis} (${found.join(', ')}) in a model of the family ${family.name}`,
    expected: `the same ${axis} in every layer: llama.cpp builds layers of their own sizes for Llama's form alone (architecture deci)`,
    remedy: 'Keep equally much of it in every layer (--for llama.cpp says so before anything is computed), or save it as --format hf or onnx.',
  });
}

/** Keys of a model whose heads have keys of their own, with LayerNorm. */
export function plainFacts(blueprint: Blueprint, architecture: string, settings: PlainSettings, context: unknown): GgufFacts {
  blueprint.checkUniform();
  expectFullHeads(blueprint, blueprint.axes.common('head')!);
  return {
    architecture,
    whole: {
      ...sizes(blueprint, settings.vocab, context),
      feed_forward_length: blueprint.axes.common('ffn')!,
      'attention.head_count': blueprint.axes.common('head')!,
    },
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
