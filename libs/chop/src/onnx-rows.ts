import { UsageError } from '@chop/core';
import type { OnnxAttribute, OnnxNode } from '@chop/formats';
import type { KernelCall } from '@chop/kernels';
import type * as tf from '@tensorflow/tfjs-core';

/** What the translation of one row may do. */
export interface GraphBuilder {
  /** The value of the graph that a tensor is. */
  nameOf(tensor: tf.Tensor): string;
  /** Says which value of the graph a tensor is from now on. */
  bind(tensor: tf.Tensor, name: string): void;
  /** Adds a node with one output, and names that. */
  add(op: string, inputs: readonly string[], more?: Pick<OnnxNode, 'domain' | 'attributes'>): string;
  /** A constant of 64-bit whole numbers. */
  whole(values: readonly number[]): string;
  /** A constant of the model's float type. */
  float(value: number): string;
  /** `x Wᵀ`, the weight stored as the file's precision wants it. */
  product(x: string, weight: tf.Tensor): string;
  /** The table of a position-dependent value for all positions, a second one for long texts behind it. */
  table(tensor: tf.Tensor): string;
  /** The rows of such a table that belong to the tokens. */
  rows(): string;
  /** Notes what an attention layer is to remember: the values that {@link attend} joins with the past. */
  remember(cache: tf.Tensor, fresh: string): void;
  /** Attention with the past of its caches. */
  attend(
    query: string,
    caches: { readonly k: tf.Tensor; readonly v: tf.Tensor },
    options: { readonly heads: number; readonly scale: number; readonly window: number },
  ): string;
}

const MICROSOFT = 'com.microsoft';
/** `position_ids` and the inputs beside it: what transformers.js hands over. */
export const POSITIONS = 'position_ids';

/** A call with the inputs that are there. */
interface Row {
  readonly inputs: Readonly<Record<string, tf.Tensor>>;
  readonly attributes: Readonly<Record<string, number>>;
  readonly results: readonly tf.Tensor[];
}
type Translation = (row: Row, graph: GraphBuilder) => void;

const f = (value: number): OnnxAttribute => ({ f: value });
const i = (value: number): OnnxAttribute => ({ i: value });

/** `[batch, tokens, heads, inner]` → `[batch, tokens, heads · inner]`: how ONNX Runtime's attention and rotary ops want it. */
const flat = (graph: GraphBuilder, name: string): string => graph.add('Reshape', [name, graph.whole([0, 0, -1])]);
const asHeads = (graph: GraphBuilder, name: string, { shape }: tf.Tensor): string => graph.add('Reshape', [name, graph.whole([0, 0, shape[2]!, shape[3]!])]);

/** `x Φ(x)`; the approximation as `x sigmoid(2 √(2/π) (x + 0.044715 x³))`, which is the same as that by tanh. */
function gelu(graph: GraphBuilder, x: string, approximated: boolean): string {
  if (!approximated) {
    const erf = graph.add('Erf', [graph.add('Mul', [x, graph.float(Math.SQRT1_2)])]);
    return graph.add('Mul', [x, graph.add('Mul', [graph.add('Add', [erf, graph.float(1)]), graph.float(0.5)])]);
  }
  const square = graph.add('Mul', [x, x]);
  const slope = 2 * Math.sqrt(2 / Math.PI);
  const steep = graph.add('Add', [graph.add('Mul', [square, graph.float(slope * 0.044715)]), graph.float(slope)]);
  return graph.add('Mul', [x, graph.add('Sigmoid', [graph.add('Mul', [x, steep])])]);
}

/** `gate sigmoid(gate) up` */
function swiglu(graph: GraphBuilder, gate: string, up: string): string {
  return graph.add('Mul', [graph.add('Mul', [gate, graph.add('Sigmoid', [gate])]), up]);
}

/** Kernel rows in the words of ONNX, and of ONNX Runtime where ONNX has none. */
const TRANSLATIONS: Readonly<Record<string, Translation>> = {
  Embedding: ({ inputs, results }, graph) => graph.bind(results[0]!, graph.add('Gather', [graph.nameOf(inputs['table']!), graph.nameOf(inputs['ids']!)])),
  Add: ({ inputs, results }, graph) => graph.bind(results[0]!, graph.add('Add', [graph.nameOf(inputs['x']!), graph.nameOf(inputs['delta']!)])),
  Linear({ inputs: { x, weight, bias }, results }, graph) {
    const product = graph.product(graph.nameOf(x!), weight!);
    graph.bind(results[0]!, bias === undefined ? product : graph.add('Add', [product, graph.nameOf(bias)]));
  },
  RmsNorm({ inputs, attributes, results }, graph) {
    const attribute = { axis: i(-1), epsilon: f(attributes['eps']!), stash_type: i(1) };
    graph.bind(results[0]!, graph.add('SimplifiedLayerNormalization', [graph.nameOf(inputs['x']!), graph.nameOf(inputs['gain']!)], { attributes: attribute }));
  },
  LayerNorm({ inputs: { x, gain, bias }, attributes, results }, graph) {
    const names = [x!, gain!, ...(bias ? [bias] : [])].map((tensor) => graph.nameOf(tensor));
    graph.bind(results[0]!, graph.add('LayerNormalization', names, { attributes: { axis: i(-1), epsilon: f(attributes['eps']!) } }));
  },
  Swiglu: ({ inputs: { gate, up }, results }, graph) => graph.bind(results[0]!, swiglu(graph, graph.nameOf(gate!), graph.nameOf(up!))),
  GatedLinear({ inputs: { x, gate, up }, results }, graph) {
    const from = graph.nameOf(x!);
    graph.bind(results[0]!, swiglu(graph, graph.product(from, gate!), graph.product(from, up!)));
  },
  QueryKeyValue({ inputs: { x, q, k, v }, results }, graph) {
    const from = graph.nameOf(x!);
    [q, k, v].forEach((weight, index) => graph.bind(results[index]!, asHeads(graph, graph.product(from, weight!), results[index]!)));
  },
  Rope({ inputs: { x, cos, sin }, results }, graph) {
    const [, , heads, inner] = x!.shape as [number, number, number, number];
    const turning = 2 * cos!.shape[1]!;
    const partly = turning < inner ? { rotary_embedding_dim: i(turning), num_heads: i(heads) } : {};
    const inputs = [flat(graph, graph.nameOf(x!)), graph.rows(), graph.table(cos!), graph.table(sin!)];
    const turned = graph.add('RotaryEmbedding', inputs, { domain: MICROSOFT, attributes: { interleaved: i(0), ...partly } });
    graph.bind(results[0]!, asHeads(graph, turned, results[0]!));
  },
  CacheAppend: ({ inputs }, graph) => graph.remember(inputs['cache']!, flat(graph, graph.nameOf(inputs['fresh']!))),
  Attention({ inputs: { q, k, v }, attributes, results }, graph) {
    const options = { heads: q!.shape[2]!, scale: attributes['scale']!, window: attributes['window']! };
    graph.bind(results[0]!, asHeads(graph, graph.attend(flat(graph, graph.nameOf(q!)), { k: k!, v: v! }, options), results[0]!));
  },
  Gelu: ({ inputs, attributes, results }, graph) => graph.bind(results[0]!, gelu(graph, graph.nameOf(inputs['x']!), attributes['tanh'] === 1)),
  Geglu({ inputs, attributes, results }, graph) {
    graph.bind(results[0]!, graph.add('Mul', [gelu(graph, graph.nameOf(inputs['gate']!), attributes['tanh'] === 1), graph.nameOf(inputs['up']!)]));
  },
  Part({ inputs, attributes, results }, graph) {
    const [from, size] = [attributes['from']!, attributes['size']!];
    graph.bind(results[0]!, graph.add('Slice', [graph.nameOf(inputs['x']!), graph.whole([from]), graph.whole([from + size]), graph.whole([-1])]));
  },
  Join({ inputs, results }, graph) {
    const parts = [graph.nameOf(inputs['first']!), graph.nameOf(inputs['second']!)];
    graph.bind(results[0]!, graph.add('Concat', parts, { attributes: { axis: i(-1) } }));
  },
  PositionEmbedding({ inputs, results }, graph) {
    graph.bind(results[0]!, graph.add('Add', [graph.nameOf(inputs['x']!), graph.add('Gather', [graph.nameOf(inputs['table']!), POSITIONS])]));
  },
  Affine({ inputs, attributes, results }, graph) {
    const scaled = graph.add('Mul', [graph.nameOf(inputs['x']!), graph.float(attributes['scale']!)]);
    graph.bind(results[0]!, attributes['shift'] === 0 ? scaled : graph.add('Add', [scaled, graph.float(attributes['shift']!)]));
  },
};

/** Adds what a call of a row computes to the graph. */
export function translate({ kernel, inputs, attributes, results }: KernelCall, graph: GraphBuilder): void {
  const given = Object.fromEntries(Object.entries(inputs).filter((entry): entry is [string, tf.Tensor] => entry[1] !== undefined));
  if (kernel.view !== undefined) return graph.bind(results[0]!, reshaped(graph, given[kernel.view]!, results[0]!));
  const translation = TRANSLATIONS[kernel.name];
  if (translation === undefined)
    throw new UsageError('FORMAT_UNSUPPORTED', {
      found: `a model that computes ${kernel.name}`,
      expected: `kernels that ONNX has words for: ${Object.keys(TRANSLATIONS).join(', ')}`,
      remedy: 'Save it as --format hf.',
    });
  translation({ inputs: given, attributes: attributes as Record<string, number>, results }, graph);
}

/** The first two axes are batch and tokens, which stay as they are. */
function reshaped(graph: GraphBuilder, from: tf.Tensor, to: tf.Tensor): string {
  if (from.shape.join() === to.shape.join()) return graph.nameOf(from);
  if (from.shape[0] !== to.shape[0] || from.shape[1] !== to.shape[1])
    throw new UsageError('FORMAT_UNSUPPORTED', {
      found: `values of [${from.shape.join(', ')}] seen as [${to.shape.join(', ')}]`,
      expected: 'batch and tokens as the first two axes',
    });
  return graph.add('Reshape', [graph.nameOf(from), graph.whole([0, 0, ...to.shape.slice(2)])]);
}
