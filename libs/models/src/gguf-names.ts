import {
  type Blueprint,
  byteLength,
  type Checkpoint,
  CheckpointError,
  type Config,
  DTYPE_BYTES,
  expectationOf,
  fromFloat32,
  gather,
  type GgufNames,
  readBytes,
  type TensorInfo,
  toFloat32,
} from '@chop/core';
import { type GgufFacts, layoutOf } from './gguf-layout.js';
import { scalingIn } from './gguf-scaling.js';
import { sizesConfig } from './per-layer.js';
import { layerCount } from './sizes.js';

/** How a family's GGUF files name and lay out what its table has. */
export interface GgufTable {
  /** Values of `general.architecture`. */
  readonly architectures: readonly string[];
  /** Tensors of the whole model: name there → name here. */
  readonly outer: Readonly<Record<string, string>>;
  /** What stands between `blk.AT.` and `.weight` → what stands behind {@link prefix}. */
  readonly layer: Readonly<Record<string, string>>;
  /** Names of layers here begin so, the number follows: `model.layers.`. */
  readonly prefix: string;
  /** Tensors that hold no weight. */
  readonly skip?: (name: string) => boolean;
  readonly config: (metadata: Metadata) => Config | Promise<Config>;
  /** Where rows are in another order there: for each row here, the row there. */
  readonly rows?: (part: string, rows: number, inner: number, architecture: string) => Int32Array | undefined;
  /** What values are larger by there. */
  readonly excess?: (name: string) => number;
  /** What a file says of a model. @throws {@link UsageError} `FORMAT_UNSUPPORTED`, {@link PlanError} `AXIS_NOT_UNIFORM` for what llama.cpp has no words for. */
  readonly facts: (blueprint: Blueprint) => GgufFacts;
}

/** A GGUF file's metadata, by the keys behind its architecture. */
export class Metadata {
  readonly raw: Checkpoint;
  readonly architecture: string;
  readonly #all: Readonly<Record<string, unknown>>;

  constructor(raw: Checkpoint) {
    this.raw = raw;
    this.#all = raw.config['gguf'] as Record<string, unknown>;
    this.architecture = String(this.#all['general.architecture']);
  }

  value(key: string): unknown {
    return this.#all[`${this.architecture}.${key}`];
  }

  number(key: string): number | undefined {
    const value = this.value(key);
    return typeof value === 'number' ? value : undefined;
  }

  /** @throws {@link CheckpointError} `CONFIG_INVALID` where there is no such number. */
  need(key: string): number {
    const value = this.number(key);
    if (value !== undefined) return value;
    throw new CheckpointError('CONFIG_INVALID', {
      file: this.raw.source,
      found: `metadata without ${this.architecture}.${key}`,
      expected: 'a number',
    });
  }

  /** A size of every layer: one number for all, or a list. */
  #ofLayers(key: string, layers: number): readonly number[] {
    const value = this.value(key);
    const invalid = (found: string, expected: string): CheckpointError =>
      new CheckpointError('CONFIG_INVALID', { file: this.raw.source, found: `${this.architecture}.${found}`, expected });
    const counted = layerCount.safeParse(layers);
    if (!counted.success) throw invalid(`block_count ${layers}`, expectationOf(counted.error.issues[0]!.message));
    if (!Array.isArray(value)) return Array.from({ length: layers }, () => this.need(key));
    if (value.length === layers && value.every((size) => typeof size === 'number')) return value;
    throw invalid(`${key} as a list of ${value.length}`, `a number for each of ${layers} layers`);
  }

  /** Stored as float32: the shortest decimal that rounds to it is what was meant. */
  needDecimal(key: string): number {
    return Number(this.need(key).toPrecision(7));
  }

  /** What configs of all families have: the vocabulary, whether it is tied, the special tokens. */
  common(): Config {
    const token = (key: string): Config => {
      const id = this.#all[`tokenizer.ggml.${key}_token_id`];
      return typeof id === 'number' ? { [`${key}_token_id`]: id } : {};
    };
    return {
      vocab_size: this.raw.tensors.get('token_embd.weight')?.shape[0] ?? this.need('vocab_size'),
      tie_word_embeddings: !this.raw.tensors.has('output.weight'),
      ...token('bos'),
      ...token('eos'),
    };
  }

  /** Sizes, heads and rotary frequencies of a model with grouped queries. */
  grouped(): Config {
    const layers = this.need('block_count');
    const [ffn, heads] = [this.#ofLayers('feed_forward_length', layers), this.#ofLayers('attention.head_count', layers)];
    const kv = this.value('attention.head_count_kv') === undefined ? heads : this.#ofLayers('attention.head_count_kv', layers);
    return {
      ...this.common(),
      hidden_size: this.need('embedding_length'),
      num_hidden_layers: layers,
      ...sizesConfig(heads.map((count, at) => ({ intermediate_size: ffn[at]!, num_key_value_heads: kv[at]!, num_attention_heads: count }))),
      head_dim: this.number('attention.key_length') ?? this.need('embedding_length') / heads[0]!,
      max_position_embeddings: this.need('context_length'),
      rms_norm_eps: this.needDecimal('attention.layer_norm_rms_epsilon'),
      rope_theta: this.number('rope.freq_base') ?? 10000,
      ...scalingIn(this),
    };
  }
}

/** The family in GGUF files: Hugging Face's names, its order of rows and its values, whatever they are there. */
export function ggufNames(table: GgufTable): GgufNames {
  return {
    architectures: table.architectures,
    layout: (blueprint) => layoutOf(table, blueprint, table.facts(blueprint)),
    translate: (raw) => translate(raw, table),
  };
}

async function translate(raw: Checkpoint, table: GgufTable): Promise<Checkpoint> {
  const metadata = new Metadata(raw);
  const config = await table.config(metadata);
  const inner = (config['head_dim'] ?? (config['hidden_size'] as number) / (config['num_attention_heads'] as number)) as number;
  const stored = new Map([...raw.tensors.keys()].flatMap((name) => (table.skip?.(name) ? [] : [[nameOf(raw, name, table), name] as const])));
  const tensors = new Map([...stored].map(([name, from]): [string, TensorInfo] => [name, { ...raw.tensors.get(from)!, name }]));
  return {
    source: raw.source,
    companions: raw.companions,
    close: () => raw.close(),
    config,
    tensors,
    async *stream(name, from = 0, to) {
      const own = stored.get(name)!;
      const info = raw.tensors.get(own)!;
      const part = /^blk\.\d+\.(.+)\.(?:weight|bias)$/.exec(own)?.[1];
      const rows = part === undefined ? undefined : table.rows?.(part, info.shape[0]!, inner, metadata.architecture);
      const excess = table.excess?.(name) ?? 0;
      if (rows === undefined && excess === 0) return yield* raw.stream(own, from, to);
      const positions = [rows, ...info.shape.slice(1).map(() => undefined)];
      const bytes = gather(await readBytes(raw, own), info.shape, positions, DTYPE_BYTES[info.dtype]);
      const values =
        excess === 0
          ? bytes
          : fromFloat32(
              Float32Array.from(toFloat32(bytes, info.dtype), (value) => value - excess),
              info.dtype,
            );
      yield values.subarray(from, to ?? byteLength(info));
    },
  };
}

function nameOf(raw: Checkpoint, name: string, { outer, layer, prefix, architectures }: GgufTable): string {
  const [, at, part, kind] = /^blk\.(\d+)\.(.+)\.(weight|bias)$/.exec(name) ?? [];
  if (part === undefined && Object.hasOwn(outer, name)) return outer[name]!;
  if (part !== undefined && Object.hasOwn(layer, part)) return `${prefix}${at}.${layer[part]}.${kind}`;
  throw new CheckpointError('CHECKPOINT_NAME', {
    file: raw.source,
    found: `tensor ${name}`,
    expected: `tensors of architecture ${architectures.join(', ')}`,
    remedy: 'This variant of the architecture is not supported.',
  });
}
