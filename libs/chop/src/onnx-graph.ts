import { type Blueprint, type Checkpoint, type KeyValueCache, type MakeShared, type Model, Pass, PlanError, tensorsIn, visitLayers } from '@chop/core';
import { inOnePiece, type OnnxModel, type OnnxNode, type OnnxTensor, type OnnxType, type OnnxValue } from '@chop/formats';
import { hearCalls, type KernelCall, keyValueCache } from '@chop/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { type GraphBuilder, POSITIONS, translate } from './onnx-rows.js';

const MICROSOFT = 'com.microsoft';
/** ONNX's operator set: what ONNX Runtime of 2023 and later knows. */
const OPSET = 17;
/** Inputs that share a scale. */
export const BLOCK = 32;

/** How weights are stored: floats, or matrices of products in blocks of 32 with a scale each. */
export interface OnnxPrecision {
  readonly float: 'f32' | 'f16';
  readonly bits?: 4 | 8;
}

/** How a weight of the model stands in the graph: as it is, turned for a product, or as the levels or the scales of its blocks. */
export type WeightUse = 'plain' | 'turned' | 'levels' | 'scales';

/** A model as a graph; its weights are named, and come from elsewhere. */
export interface ModelGraph extends Pick<OnnxModel, 'nodes' | 'inputs' | 'outputs' | 'opsets'> {
  /** By their names in the graph. */
  readonly weights: ReadonlyMap<string, { readonly weight: string; readonly use: WeightUse }>;
  /** Small constants and tables. */
  readonly constants: readonly OnnxTensor[];
}

/** A walk through the model that was listened to. */
interface Walk {
  readonly calls: readonly KernelCall[];
  readonly ids: tf.Tensor;
  readonly logits: tf.Tensor;
  /** What layers share. */
  readonly shared: readonly Shared[];
  /** The names of the weights, by the memory that they had. */
  readonly weights: ReadonlyMap<object, string>;
}

/** What layers share, and how it is made for another position. */
type Shared = readonly [tf.TensorContainer, MakeShared];

/** Positions that the model knows, and from where on a text is long: see {@link Model.longBeyond}. */
interface Reach {
  readonly context: number;
  readonly longBeyond: number | undefined;
}

/** Positions of a table that are made at once. */
const STRIDE = 64;

/**
 * The graph of a model: the kernel rows that one token goes through, in the words of ONNX. No family needs to know of it. One layer is in memory at a time.
 * Inputs: `input_ids`, `attention_mask`, `position_ids`, `past_key_values.AT.key/value`; outputs: `logits`, `present.AT.key/value`.
 *
 * @param model - with no weight in memory.
 * @param context - positions that the model knows.
 * @throws {@link UsageError} `FORMAT_UNSUPPORTED` for a kernel that ONNX has no words for.
 */
export async function modelGraph(model: Model, checkpoint: Checkpoint, { context, precision, signal }: GraphOptions): Promise<ModelGraph> {
  const cache = keyValueCache();
  try {
    const wide = await walked(model, checkpoint, { cache, tokens: STRIDE, signal });
    const walk = await walked(model, checkpoint, { cache, tokens: 1, signal });
    return new Graph(model.blueprint, { ...walk, wide: wide.shared }, { context, longBeyond: model.longBeyond }, precision).build();
  } finally {
    cache.dispose();
  }
}

export interface GraphOptions {
  readonly context: number;
  readonly precision: OnnxPrecision;
  readonly signal?: AbortSignal | undefined;
}

/** Some more tokens through the model, behind those in the cache. Of the tensors that are told, only who they are and their shapes can be looked at. */
async function walked(
  model: Model,
  checkpoint: Checkpoint,
  { cache, tokens, signal }: { cache: KeyValueCache; tokens: number; signal: AbortSignal | undefined },
): Promise<Walk> {
  const [calls, shared, weights]: [KernelCall[], Shared[], Map<object, string>] = [[], [], new Map()];
  const pass = new Pass(model, { cache, onShared: (...heard) => shared.push(heard) });
  const ids = tf.zeros([1, tokens], 'int32');
  const heard = (run: () => tf.Tensor): tf.Tensor => {
    for (const name of model.names) weights.set(model.value(name).dataId, name);
    const { value, calls: own } = hearCalls(() => tf.keep(tf.tidy(run)));
    calls.push(...own);
    return value;
  };
  let hidden: tf.Tensor | undefined;
  const next = (after: tf.Tensor): void => {
    hidden?.dispose();
    hidden = after;
  };
  try {
    for await (const at of visitLayers(model, checkpoint, signal)) {
      if (at === 0) next(heard(() => model.embed(pass, ids)));
      next(heard(() => model.layer(pass, at, hidden!)));
    }
    next(heard(() => model.project(pass, hidden!).logits()));
    cache.advance(tokens);
    return { calls, ids, logits: hidden!, shared, weights };
  } finally {
    tf.dispose([ids, ...(hidden ? [hidden] : [])]);
    pass.close();
    model.drop();
  }
}

class Graph implements GraphBuilder {
  readonly #blueprint: Blueprint;
  readonly #walk: Walk & { readonly wide: readonly Shared[] };
  readonly #reach: Reach;
  readonly #precision: OnnxPrecision;
  readonly #nodes: OnnxNode[] = [];
  readonly #names = new Map<object, string>();
  readonly #weights = new Map<string, { weight: string; use: WeightUse }>();
  readonly #constants = new Map<string, OnnxTensor>();
  /** What was written into a cache, by the cache's memory. */
  readonly #fresh = new Map<object, string>();
  readonly #caches: { heads: number; inner: number }[] = [];

  /** @param walk - of one token; `wide`: what layers share in a walk of {@link STRIDE} tokens, in the same order. */
  constructor(blueprint: Blueprint, walk: Walk & { readonly wide: readonly Shared[] }, reach: Reach, precision: OnnxPrecision) {
    this.#blueprint = blueprint;
    this.#walk = walk;
    this.#reach = reach;
    this.#precision = precision;
  }

  build(): ModelGraph {
    const { calls, ids, logits, weights } = this.#walk;
    this.bind(ids, 'input_ids');
    for (const [memory, name] of weights) this.#names.set(memory, name);
    this.#lengths();
    for (const call of calls) translate(call, this);
    this.#nodes.push({ op: 'Cast', inputs: [this.nameOf(logits)], outputs: ['logits'], attributes: { to: { i: 1 } } });
    const past = this.#caches.flatMap(({ heads, inner }, at) => ['key', 'value'].map((side) => ({ at, side, heads, inner })));
    const value = (name: string, type: OnnxType, dims: OnnxValue['dims']): OnnxValue => ({ name, type, dims });
    return {
      nodes: this.#nodes,
      weights: this.#weights,
      constants: [...this.#constants.values()],
      opsets: { '': OPSET, [MICROSOFT]: 1 },
      inputs: [
        value('input_ids', 'i64', ['batch_size', 'sequence_length']),
        value('attention_mask', 'i64', ['batch_size', 'total_sequence_length']),
        value(POSITIONS, 'i64', ['batch_size', 'sequence_length']),
        ...past.map(({ at, side, heads, inner }) =>
          value(`past_key_values.${at}.${side}`, this.#precision.float, ['batch_size', heads, 'past_sequence_length', inner]),
        ),
      ],
      outputs: [
        value('logits', 'f32', ['batch_size', 'sequence_length', logits.shape[2]!]),
        ...past.map(({ at, side, heads, inner }) =>
          value(`present.${at}.${side}`, this.#precision.float, ['batch_size', heads, 'total_sequence_length', inner]),
        ),
      ],
    };
  }

  nameOf({ dataId }: tf.Tensor): string {
    const name = this.#names.get(dataId);
    if (name === undefined)
      throw new PlanError('GRAPH_UNKNOWN', { found: 'a value that no kernel row has made', expected: 'weights, inputs and what rows make of them' });
    if (this.#blueprint.weights.has(name)) this.#weights.set(name, { weight: name, use: 'plain' });
    return name;
  }

  bind({ dataId }: tf.Tensor, name: string): void {
    this.#names.set(dataId, name);
  }

  add(op: string, inputs: readonly string[], more: Pick<OnnxNode, 'domain' | 'attributes'> = {}): string {
    const output = `v${this.#nodes.length}`;
    this.#nodes.push({ op, inputs, outputs: [output], ...more });
    return output;
  }

  whole(values: readonly number[]): string {
    return this.#constant(`whole.${values.join('_')}`, 'i64', [values.length], new Uint8Array(BigInt64Array.from(values, BigInt).buffer));
  }

  float(value: number): string {
    const name = `float.${value}`;
    const single = this.#constant(name, 'f32', [], new Uint8Array(Float32Array.of(value).buffer));
    return this.#precision.float === 'f32' ? single : this.add('Cast', [single], { attributes: { to: { i: 10 } } });
  }

  product(x: string, weight: tf.Tensor): string {
    const own = this.#names.get(weight.dataId)!;
    const [out, inputs] = weight.shape as [number, number];
    const { bits } = this.#precision;
    if (bits !== undefined && inputs % BLOCK === 0) {
      const parts = (['levels', 'scales'] as const).map((use) => this.#use(own, use));
      // Level 4: activations are rounded to 8 bits too, and products are those of whole numbers.
      const attributes = { K: { i: inputs }, N: { i: out }, bits: { i: bits }, block_size: { i: BLOCK }, accuracy_level: { i: 4 } };
      return this.add('MatMulNBits', [x, ...parts], { domain: MICROSOFT, attributes });
    }
    // The matrix of the embedding is there already, as it is: ONNX Runtime joins the exchange of axes with the product.
    if (this.#weights.has(own)) return this.add('MatMul', [x, this.add('Transpose', [own], { attributes: { perm: { ints: [1, 0] } } })]);
    return this.add('MatMul', [x, this.#use(own, 'turned')]);
  }

  table(tensor: tf.Tensor): string {
    for (const [which, [value]] of this.#walk.shared.entries()) {
      const index = tensorsIn(value).findIndex(({ dataId }) => dataId === tensor.dataId);
      if (index < 0) continue;
      const name = `table.${which}.${index}`;
      if (!this.#constants.has(name))
        this.#constant(name, 'f32', [this.#textLengths.length * this.#reach.context, tensor.shape.at(-1)!], this.#table(which, index));
      return this.#precision.float === 'f32' ? name : this.add('Cast', [name], { attributes: { to: { i: 10 } } });
    }
    return this.nameOf(tensor);
  }

  rows(): string {
    const { context, longBeyond } = this.#reach;
    if (longBeyond === undefined) return POSITIONS;
    const last = this.add('ReduceMax', [POSITIONS], { attributes: { keepdims: { i: 0 } } });
    const long = this.add('Cast', [this.add('Greater', [last, this.whole([longBeyond - 1])])], { attributes: { to: { i: 7 } } });
    return this.add('Add', [POSITIONS, this.add('Mul', [long, this.whole([context])])]);
  }

  remember({ dataId }: tf.Tensor, fresh: string): void {
    this.#fresh.set(dataId, fresh);
  }

  attend(query: string, { k, v }: { readonly k: tf.Tensor; readonly v: tf.Tensor }, { heads, scale, window }: Parameters<GraphBuilder['attend']>[2]): string {
    const [, , kv, inner] = k.shape as [number, number, number, number];
    const at = this.#caches.push({ heads: kv, inner }) - 1;
    const output = `attended.${at}`;
    this.#nodes.push({
      op: 'GroupQueryAttention',
      domain: MICROSOFT,
      inputs: [
        query,
        this.#fresh.get(k.dataId)!,
        this.#fresh.get(v.dataId)!,
        `past_key_values.${at}.key`,
        `past_key_values.${at}.value`,
        'lengths',
        'total_length',
      ],
      outputs: [output, `present.${at}.key`, `present.${at}.value`],
      attributes: { num_heads: { i: heads }, kv_num_heads: { i: kv }, scale: { f: scale }, local_window_size: { i: window || -1 }, do_rotary: { i: 0 } },
    });
    return output;
  }

  /** What attention asks of the mask: the last position of each text, and the length of the longest. */
  #lengths(): void {
    const int32 = { attributes: { to: { i: 6 } } };
    const last = this.add('Sub', [this.add('ReduceSum', ['attention_mask', this.whole([1])], { attributes: { keepdims: { i: 0 } } }), this.whole([1])]);
    this.#nodes.push({ op: 'Cast', inputs: [last], outputs: ['lengths'], ...int32 });
    const total = this.add('Gather', [
      this.add('Shape', ['attention_mask']),
      this.#constant('index.1', 'i64', [], new Uint8Array(BigInt64Array.of(1n).buffer)),
    ]);
    this.#nodes.push({ op: 'Cast', inputs: [total], outputs: ['total_length'], ...int32 });
  }

  /** The lengths of text that tables are made for. */
  get #textLengths(): readonly (number | undefined)[] {
    const { longBeyond } = this.#reach;
    return longBeyond === undefined ? [undefined] : [longBeyond, longBeyond + 1];
  }

  /** A table for all positions, made {@link STRIDE} at a time; of a model that tells long texts from others one for either. */
  #table(which: number, index: number): Uint8Array {
    const [, make] = this.#walk.wide[which]!;
    const { context } = this.#reach;
    const tables = this.#textLengths.map((length) => {
      const parts: Float32Array[] = [];
      for (let offset = 0; offset < context; offset += STRIDE)
        tf.tidy(() => void parts.push(tensorsIn(make(offset, length))[index]!.dataSync() as Float32Array));
      const width = parts[0]!.length / STRIDE;
      const rows = new Float32Array(context * width);
      parts.forEach((part, i) => rows.set(part.subarray(0, (context - i * STRIDE) * width), i * STRIDE * width));
      return Buffer.from(rows.buffer);
    });
    return new Uint8Array(Buffer.concat(tables));
  }

  #use(weight: string, use: WeightUse): string {
    const name = `${weight}.${use}`;
    this.#weights.set(name, { weight, use });
    return name;
  }

  #constant(name: string, type: OnnxType, dims: number[], bytes: Uint8Array): string {
    this.#constants.set(name, {
      name,
      type,
      dims,
      byteLength: bytes.byteLength,
      pieces: () => inOnePiece(bytes),
    });
    return name;
  }
}
