import { type Blueprint, type GgufLayout, UsageError } from '@chop/core';
import { ropeFrequencies } from '@chop/kernels';
import { ARCHITECTURES, LAYER, OUTER, ROPE_FACTORS } from './llama-gguf-names.js';
import { llamaSettings, type LlamaSettings } from './llama-settings.js';

/** Hugging Face's name → GGUF's. */
const reversed = (names: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(names).map(([gguf, own]) => [own, gguf]));
const OUTER_NAMES = reversed(OUTER);
const LAYER_NAMES = reversed(LAYER);

/**
 * A model of the family as llama.cpp reads it.
 *
 * @throws {@link PlanError} `AXIS_NOT_UNIFORM`: llama.cpp has one size of FFN and one number of heads for all layers of these architectures.
 * @throws {@link UsageError} `FORMAT_UNSUPPORTED` for a sliding window, or an architecture without a name there.
 */
export function llamaLayout(blueprint: Blueprint): GgufLayout {
  const { config, axes } = blueprint;
  const settings = llamaSettings(config);
  const architecture = architectureOf(config);
  if (settings.sliding.some((window) => window !== undefined)) throw unsupported('a sliding window');
  blueprint.checkUniform();
  const [ffn, kv, group, inner] = ['ffn', 'kv', 'group', 'inner'].map((axis) => axes.common(axis)!) as [number, number, number, number];
  const scaling = scalingOf(settings);
  return {
    architecture,
    whole: {
      vocab_size: settings.vocab,
      context_length: Number(config['max_position_embeddings'] ?? 2048),
      embedding_length: axes.size('width'),
      block_count: axes.layers,
      feed_forward_length: ffn,
      'attention.head_count': kv * group,
      'attention.head_count_kv': kv,
      'attention.key_length': inner,
      'attention.value_length': inner,
      'rope.dimension_count': inner,
    },
    ...scaling,
    floats: { 'attention.layer_norm_rms_epsilon': settings.eps, 'rope.freq_base': settings.theta, ...scaling.floats },
    tensors: new Map(
      [...blueprint.weights.keys()].map((name) => {
        const [, at, part, kind] = /^model\.layers\.(\d+)\.(.+)\.(weight|bias)$/.exec(name) ?? [];
        const stored = part === undefined ? OUTER_NAMES[name]! : `blk.${at}.${LAYER_NAMES[part]}.${kind}`;
        const turned = architecture === 'llama' && (part === 'self_attn.q_proj' || part === 'self_attn.k_proj');
        return [name, { name: stored, ...(turned ? { rows: interleaved(blueprint.weight(name).shape[0]!, inner) } : {}) }];
      }),
    ),
  };
}

function architectureOf(config: Blueprint['config']): string {
  const [name] = (config['architectures'] ?? []) as string[];
  const found = Object.entries(ARCHITECTURES).find(([, own]) => own.name === name);
  if (found) return found[0];
  if (name === 'MistralForCausalLM') return 'llama';
  throw unsupported(`architecture ${name}`);
}

/** How frequencies are stretched: a word and a number, or the factor of every rotary pair. */
function scalingOf({ scaling, theta, inner }: LlamaSettings): Pick<GgufLayout, 'floats' | 'texts' | 'constants'> {
  const floats = {};
  if (scaling.kind === 'none') return { floats };
  if (scaling.kind === 'linear') return { floats: { 'rope.scaling.factor': scaling.factor }, texts: { 'rope.scaling.type': 'linear' } };
  const stretched = ropeFrequencies({ theta, inner, scaling });
  const factors = ropeFrequencies({ theta, inner }).map((frequency, pair) => frequency / stretched[pair]!);
  return { floats, constants: new Map([[ROPE_FACTORS, Float32Array.from(factors)]]) };
}

/** llama.cpp pairs neighbours where Hugging Face pairs the two halves of a head. */
function interleaved(rows: number, inner: number): Int32Array {
  return Int32Array.from({ length: rows }, (_, row) => {
    const within = row % inner;
    return row - within + (within % 2) * (inner / 2) + Math.floor(within / 2);
  });
}

function unsupported(found: string): UsageError {
  return new UsageError('FORMAT_UNSUPPORTED', { found, expected: 'a model that a GGUF file of this kind can describe', remedy: 'Save it as --format hf.' });
}
