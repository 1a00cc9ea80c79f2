// ONNX's protocol buffers (onnx.proto3), as much of them as a model takes: written piece by piece, so that no weight needs to stand in memory whole.

/** Stored types by their numbers (`TensorProto.DataType`). */
const TYPES = { f32: 1, u8: 2, i8: 3, i32: 6, i64: 7, f16: 10 } as const;
/** Numbers of `AttributeProto.AttributeType`. */
const [FLOAT, INT, STRING, INTS] = [1, 2, 3, 7];
/** Wire types. */
const [VARINT, FIXED32, DELIMITED] = [0, 5, 2];
const IR_VERSION = 8;
const EXTERNAL = 1;

/** A stored type. */
export type OnnxType = keyof typeof TYPES;

/** A weight or constant. */
export interface OnnxTensor {
  readonly name: string;
  readonly type: OnnxType;
  readonly dims: readonly number[];
  readonly byteLength: number;
  /** Little-endian, row-major. */
  readonly pieces: () => AsyncIterable<Uint8Array>;
}

/** A constant of a node: a float, a whole number, a text, or whole numbers. */
export type OnnxAttribute = { readonly f: number } | { readonly i: number } | { readonly s: string } | { readonly ints: readonly number[] };

/** One operation. */
export interface OnnxNode {
  readonly op: string;
  /** `com.microsoft` for what ONNX Runtime adds; ONNX's own by default. */
  readonly domain?: string;
  /** Empty for one that is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>;
}

/** An input or output of the graph: a text stands for a size that is known when the model runs. */
export interface OnnxValue {
  readonly name: string;
  readonly type: OnnxType;
  readonly dims: readonly (number | string)[];
}

/** A graph with its weights. */
export interface OnnxModel {
  readonly nodes: readonly OnnxNode[];
  readonly tensors: readonly OnnxTensor[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  /** Versions of the operator sets, by domain. */
  readonly opsets: Readonly<Record<string, number>>;
  readonly producer: string;
}

/** Bytes at hand, or so many that come when they are asked for. */
type Part = Uint8Array | { readonly byteLength: number; readonly pieces: () => AsyncIterable<Uint8Array> };

/** A file beside the model that its weights lie in. */
export interface OnnxExternal {
  readonly location: string;
  /** Weights with fewer bytes stay in the model. */
  readonly from: number;
}

/**
 * The bytes of a model.
 *
 * @param external - the weights that are to lie in another file are described only; {@link externalParts} are that file.
 */
export async function* onnxBytes(model: OnnxModel, external?: OnnxExternal): AsyncGenerator<Uint8Array> {
  const places = external ? placesOf(model, external) : new Map<string, number>();
  const graph = message(7, [
    ...model.nodes.flatMap((node, index) => message(1, nodeParts(node, index))),
    ...text(2, 'model'),
    ...model.tensors.flatMap((tensor) => message(5, tensorParts(tensor, places.get(tensor.name), external))),
    ...model.inputs.flatMap((value) => message(11, valueParts(value))),
    ...model.outputs.flatMap((value) => message(12, valueParts(value))),
  ]);
  const opsets = Object.entries(model.opsets).flatMap(([domain, version]) => message(8, [...text(1, domain), ...whole(2, version)]));
  yield* streamed([...whole(1, IR_VERSION), ...text(2, model.producer), ...graph, ...opsets]);
}

/** The bytes of the file beside the model. */
export async function* externalParts(model: OnnxModel, external: OnnxExternal): AsyncGenerator<Uint8Array> {
  for (const tensor of model.tensors) if (tensor.byteLength >= external.from) yield* tensor.pieces();
}

function placesOf({ tensors }: OnnxModel, { from }: OnnxExternal): Map<string, number> {
  const places = new Map<string, number>();
  let offset = 0;
  for (const { name, byteLength } of tensors) {
    if (byteLength < from) continue;
    places.set(name, offset);
    offset += byteLength;
  }
  return places;
}

async function* streamed(parts: readonly Part[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) {
    if (part instanceof Uint8Array) yield part;
    else yield* part.pieces();
  }
}

const nodeParts = ({ op, domain, inputs, outputs, attributes = {} }: OnnxNode, index: number): Part[] => [
  ...inputs.flatMap((name) => text(1, name)),
  ...outputs.flatMap((name) => text(2, name)),
  ...text(3, `${op}_${index}`),
  ...text(4, op),
  ...Object.entries(attributes).flatMap(([name, attribute]) => message(5, attributeParts(name, attribute))),
  ...(domain === undefined ? [] : text(7, domain)),
];

function attributeParts(name: string, attribute: OnnxAttribute): Part[] {
  const typed = (type: number, value: Part[]): Part[] => [...text(1, name), ...value, ...whole(20, type)];
  if ('f' in attribute) return typed(FLOAT!, [tag(2, FIXED32!), new Uint8Array(Float32Array.of(attribute.f).buffer)]);
  if ('i' in attribute) return typed(INT!, whole(3, attribute.i));
  if ('s' in attribute) return typed(STRING!, text(4, attribute.s));
  return typed(
    INTS!,
    attribute.ints.flatMap((value) => whole(8, value)),
  );
}

function tensorParts({ name, type, dims, byteLength, pieces }: OnnxTensor, place: number | undefined, external: OnnxExternal | undefined): Part[] {
  const head = [...dims.flatMap((size) => whole(1, size)), ...whole(2, TYPES[type]), ...text(8, name)];
  if (place === undefined) return [...head, tag(9, DELIMITED!), varint(byteLength), { byteLength, pieces }];
  const entry = (key: string, value: string): Part[] => message(13, [...text(1, key), ...text(2, value)]);
  return [...head, ...entry('location', external!.location), ...entry('offset', `${place}`), ...entry('length', `${byteLength}`), ...whole(14, EXTERNAL)];
}

function valueParts({ name, type, dims }: OnnxValue): Part[] {
  const shape = dims.flatMap((size) => message(1, typeof size === 'number' ? whole(1, size) : text(2, size)));
  return [...text(1, name), ...message(2, message(1, [...whole(1, TYPES[type]), ...message(2, shape)]))];
}

function message(field: number, parts: readonly Part[]): Part[] {
  return [tag(field, DELIMITED!), varint(parts.reduce((sum, { byteLength }) => sum + byteLength, 0)), ...parts];
}

function text(field: number, value: string): Part[] {
  const bytes = new TextEncoder().encode(value);
  return [tag(field, DELIMITED!), varint(bytes.byteLength), bytes];
}

const whole = (field: number, value: number): Part[] => [tag(field, VARINT!), varint(value)];

const tag = (field: number, wire: number): Uint8Array => varint(field * 8 + wire);

/** A whole number in base 128, the lowest digits first; negative ones as 64-bit two's complement. */
function varint(value: number): Uint8Array {
  const digits: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest >= 128n; rest >>= 7n) digits.push(Number(rest & 127n) | 128);
  digits.push(Number(rest));
  return Uint8Array.from(digits);
}
