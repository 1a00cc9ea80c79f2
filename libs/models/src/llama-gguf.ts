import {
  byteLength,
  type Checkpoint,
  CheckpointError,
  type Config,
  DTYPE_BYTES,
  gather,
  type GgufNames,
  readBytes,
  type TensorInfo,
  toFloat32,
} from '@chop/core';
import { ropeFrequencies } from '@chop/kernels';
import { llamaLayout } from './llama-gguf-layout.js';
import { ARCHITECTURES, LAYER, OUTER, ROPE_FACTORS } from './llama-gguf-names.js';

/** The family in GGUF files: their names, and the row order of q and k in files of architecture `llama` (qwen files have none). */
export const llamaFromGguf: GgufNames = {
  architectures: Object.keys(ARCHITECTURES),
  layout: llamaLayout,
  async translate(raw) {
    const metadata = raw.config['gguf'] as Record<string, unknown>;
    const architecture = String(metadata['general.architecture']);
    const config = configOf(raw, metadata, architecture);
    const scaling = raw.tensors.has(ROPE_FACTORS) ? { rope_scaling: await llama3Scaling(raw, config) } : {};
    const names = new Map<string, string>();
    const tensors = new Map<string, TensorInfo>();
    for (const info of raw.tensors.values()) {
      if (info.name === ROPE_FACTORS) continue;
      const name = translateName(raw, info.name);
      names.set(name, info.name);
      tensors.set(name, { ...info, name });
    }
    return {
      source: raw.source,
      companions: raw.companions,
      close: () => raw.close(),
      config: { ...config, ...scaling },
      tensors,
      async *stream(name, from = 0, to) {
        const stored = names.get(name)!;
        const headRows = architecture === 'llama' && /\.attn_[qk]\.(weight|bias)$/.test(stored);
        if (!headRows) return yield* raw.stream(stored, from, to);
        const info = raw.tensors.get(stored)!;
        const rows = halfSplitRows(info.shape[0]!, config['head_dim'] as number);
        yield gather(await readBytes(raw, stored), info.shape, [rows, ...info.shape.slice(1).map(() => undefined)], DTYPE_BYTES[info.dtype]).subarray(
          from,
          to ?? byteLength(info),
        );
      },
    };
  },
};

/** llama.cpp interleaves the two halves of each head's rotary pairs: row `2i + half` there is row `half · inner/2 + i` here. */
function halfSplitRows(rows: number, inner: number): Int32Array {
  return Int32Array.from({ length: rows }, (_, row) => {
    const within = row % inner;
    return row - within + 2 * (within % (inner / 2)) + Math.floor(within / (inner / 2));
  });
}

function translateName(raw: Checkpoint, name: string): string {
  const [, at, part, kind] = /^blk\.(\d+)\.(.+)\.(weight|bias)$/.exec(name) ?? [];
  const known = part === undefined ? OUTER[name] : LAYER[part] && `model.layers.${at}.${LAYER[part]}.${kind}`;
  if (known) return known;
  throw new CheckpointError('CHECKPOINT_NAME', {
    file: raw.source,
    found: `tensor ${name}`,
    expected: 'tensors of a Llama-like model',
    remedy: 'This variant of the architecture is not supported.',
  });
}

function configOf(raw: Checkpoint, metadata: Record<string, unknown>, architecture: string): Config {
  const read = (key: string): number | undefined =>
    typeof metadata[`${architecture}.${key}`] === 'number' ? (metadata[`${architecture}.${key}`] as number) : undefined;
  const need = (key: string): number => {
    const value = read(key);
    if (value === undefined)
      throw new CheckpointError('CONFIG_INVALID', { file: raw.source, found: `metadata without ${architecture}.${key}`, expected: 'a number' });
    return value;
  };
  const heads = need('attention.head_count');
  const scaling = metadata[`${architecture}.rope.scaling.type`];
  const token = (key: string): Config =>
    typeof metadata[`tokenizer.ggml.${key}_token_id`] === 'number' ? { [`${key}_token_id`]: metadata[`tokenizer.ggml.${key}_token_id`] } : {};
  const embedding = raw.tensors.get('token_embd.weight');
  return {
    architectures: [ARCHITECTURES[architecture]!.name],
    model_type: ARCHITECTURES[architecture]!.type,
    vocab_size: embedding?.shape[0] ?? need('vocab_size'),
    hidden_size: need('embedding_length'),
    intermediate_size: need('feed_forward_length'),
    num_hidden_layers: need('block_count'),
    num_attention_heads: heads,
    num_key_value_heads: read('attention.head_count_kv') ?? heads,
    head_dim: read('attention.key_length') ?? need('embedding_length') / heads,
    hidden_act: 'silu',
    max_position_embeddings: need('context_length'),
    // Stored as float32: the shortest decimal that rounds to it is what was meant.
    rms_norm_eps: Number(need('attention.layer_norm_rms_epsilon').toPrecision(7)),
    rope_theta: read('rope.freq_base') ?? 10000,
    ...(scaling === undefined || scaling === 'none' ? {} : { rope_scaling: { rope_type: scaling, factor: read('rope.scaling.factor') } }),
    tie_word_embeddings: !raw.tensors.has('output.weight'),
    attention_bias: architecture === 'llama' && raw.tensors.has('blk.0.attn_q.bias'),
    ...token('bos'),
    ...token('eos'),
  };
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
