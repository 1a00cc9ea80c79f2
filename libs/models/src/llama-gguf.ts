import { type Blueprint, type Checkpoint, CheckpointError, type Config, type GgufNames, readBytes, toFloat32 } from '@chop/core';
import { ropeFrequencies } from '@chop/kernels';
import { ggufNames, type Metadata } from './gguf-names.js';
import { type GgufFacts, groupedFacts, isUneven, unsupported } from './gguf-layout.js';
import { ROPE_FACTORS } from './gguf-scaling.js';
import { ARCHITECTURES, LAYER, OUTER, UNEVEN_LLAMA } from './llama-gguf-names.js';
import { llamaSettings } from './llama-settings.js';

/** The family in GGUF files: their names, and the row order of q and k in files of architecture `llama` (and `deci`; qwen files have none). */
export const llamaFromGguf: GgufNames = ggufNames({
  architectures: Object.keys(ARCHITECTURES),
  facts,
  outer: OUTER,
  layer: LAYER,
  prefix: 'model.layers.',
  skip: (name) => name === ROPE_FACTORS,
  config: configOf,
  rows: (part, rows, inner, architecture) =>
    (architecture === 'llama' || architecture === UNEVEN_LLAMA) && (part === 'attn_q' || part === 'attn_k') ? halfSplitRows(rows, inner) : undefined,
});

function facts(blueprint: Blueprint): GgufFacts {
  const settings = llamaSettings(blueprint.config);
  const architecture = architectureOf(blueprint.config);
  if (settings.sliding.some((window) => window !== undefined)) throw unsupported('a sliding window');
  if (architecture === 'llama' && isUneven(blueprint)) return groupedFacts(blueprint, UNEVEN_LLAMA, settings, { lists: true });
  return groupedFacts(blueprint, architecture, settings);
}

function architectureOf(config: Config): string {
  const [name] = (config['architectures'] ?? []) as string[];
  const found = Object.entries(ARCHITECTURES).find(([, own]) => own.name === name);
  if (found) return found[0];
  if (name === 'MistralForCausalLM') return 'llama';
  throw unsupported(`architecture ${name}`);
}

/** llama.cpp interleaves the two halves of each head's rotary pairs: row `2i + half` there is row `half · inner/2 + i` here. */
function halfSplitRows(rows: number, inner: number): Int32Array {
  return Int32Array.from({ length: rows }, (_, row) => {
    const within = row % inner;
    return row - within + 2 * (within % (inner / 2)) + Math.floor(within / (inner / 2));
  });
}

async function configOf(metadata: Metadata): Promise<Config> {
  const { raw, architecture } = metadata;
  const config = {
    architectures: [ARCHITECTURES[architecture]!.name],
    model_type: ARCHITECTURES[architecture]!.type,
    ...metadata.grouped(),
    hidden_act: 'silu',
    attention_bias: (architecture === 'llama' || architecture === UNEVEN_LLAMA) && raw.tensors.has('blk.0.attn_q.bias'),
  };
  return raw.tensors.has(ROPE_FACTORS) ? { ...config, rope_scaling: await llama3Scaling(raw, config) } : config;
}

/** Llama 3.x's parameters, accepted when they give exactly the factors that the file holds. */
async function llama3Scaling(raw: Checkpoint, config: Config): Promise<Config> {
  const stored = toFloat32(await readBytes(raw, ROPE_FACTORS), raw.tensors.get(ROPE_FACTORS)!.dtype);
  const scaling = { kind: 'llama3' as const, factor: Math.max(...stored), low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 };
  const rotary = { inner: config['head_dim'] as number, theta: config['rope_theta'] as number };
  const plain = ropeFrequencies(rotary);
  const scaled = ropeFrequencies({ ...rotary, scaling });
  const fits = stored.length === plain.length && plain.every((frequency, pair) => Math.abs(frequency / scaled[pair]! / stored[pair]! - 1) < 1e-4);
  if (!fits)
    throw new CheckpointError('CONFIG_UNSUPPORTED', {
      file: raw.source,
      found: `rotary factors (${ROPE_FACTORS}) of an unknown kind`,
      expected: 'those of Llama 3.1 or later',
    });
  const { kind, ...rest } = scaling;
  return { rope_type: kind, ...rest };
}
