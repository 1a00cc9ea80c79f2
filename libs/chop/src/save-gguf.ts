import { basename } from 'node:path';
import { type Checkpoint, DTYPE_BYTES, type Family, gather, type GgufLayout, readBytes, toFloat32, UsageError } from '@chop/core';
import {
  blockElements,
  checkDisk,
  checkFreeFile,
  ggufBytes,
  type Check,
  type GgmlTypeName,
  type GgufSource,
  type GgufTyped,
  ggufVocabulary,
  inOnePiece,
  quantised,
  reencode,
  writeGguf,
} from '@chop/formats';
import type { Lineage } from './lineage.js';
import type { OpenModel } from './opened.js';
import type { Common } from './request.js';
import type { WrittenResult } from './verbs.js';

/** How matrices are stored in a GGUF file; vectors are float32. */
export const GGUF_DTYPES = ['f32', 'f16', 'bf16', 'q8_0', 'q4_0', 'q4_k_m'] as const;
/** How the matrices of a GGUF file are stored. */
export type GgufDtype = (typeof GGUF_DTYPES)[number];

/** The numbers of llama.cpp's `enum llama_ftype`. */
const FILE_TYPE: Readonly<Record<GgufDtype, number>> = { f32: 0, f16: 1, q4_0: 2, q8_0: 7, q4_k_m: 15, bf16: 32 };
const QUANTISATION_VERSION = 2;

/** What stands in where a row is no whole number of blocks: as llama.cpp has it. */
const FALLBACK: Readonly<Partial<Record<GgmlTypeName, GgmlTypeName>>> = { Q4_K: 'Q5_0', Q6_K: 'Q8_0', Q5_0: 'F16', Q8_0: 'F16', Q4_0: 'F16' };

export interface GgufRequest extends Pick<Common, 'signal' | 'onProgress'> {
  readonly dtype: GgufDtype;
  readonly force?: boolean | undefined;
  readonly lineage: Lineage;
  readonly check: Check;
}

/**
 * Writes an open model as one GGUF file for llama.cpp, a tensor at a time in memory where its rows change places, else a piece.
 *
 * @throws {@link UsageError} `FORMAT_UNSUPPORTED` for a family or a feature that GGUF has no words for, `OUTPUT_NAME`, `OUTPUT_EXISTS`
 * @throws {@link CheckpointError} `CHECKPOINT_TOKENIZER`
 */
export async function saveGguf(opened: OpenModel, out: string, { dtype, force, lineage, check, signal, onProgress }: GgufRequest): Promise<WrittenResult> {
  const started = performance.now();
  const { checkpoint, blueprint } = opened;
  const { layout, words } = await ggufForm(opened);
  checkName(out);
  await checkFreeFile(out, { force });
  const tensors = [...constants(layout), ...weights(checkpoint, layout, dtype)];
  const totalBytes = tensors.reduce((sum, tensor) => sum + ggufBytes(tensor), 0);
  const metadata = new Map([...general(layout, nameOf(out, words), dtype, lineage), ...words]);
  await checkDisk(out, totalBytes);
  let bytes = 0;
  await writeGguf(
    out,
    { metadata, tensors },
    { signal, check, onBytes: (more) => onProgress?.({ phase: 'write', done: Math.min((bytes += more), totalBytes), total: totalBytes }) },
  );
  return { out, parameters: blueprint.parameters, bytes: totalBytes, files: [basename(out)], seconds: (performance.now() - started) / 1000 };
}

/**
 * A model in the words of GGUF, of its headers and its tokenizer alone.
 *
 * @throws {@link UsageError} `FORMAT_UNSUPPORTED` for a family or a feature that GGUF has no words for
 * @throws {@link CheckpointError} `CHECKPOINT_TOKENIZER`
 */
export async function ggufForm({ checkpoint, family, blueprint }: OpenModel): Promise<{ layout: GgufLayout; words: Map<string, GgufTyped> }> {
  const layout = checkGgufFamily(family).layout!(blueprint);
  return { layout, words: await vocabulary(checkpoint, layout) };
}

/**
 * That a family is written as GGUF, whatever its sizes.
 *
 * @throws {@link UsageError} `FORMAT_UNSUPPORTED`
 */
export function checkGgufFamily({ name, gguf }: Family): NonNullable<Family['gguf']> {
  if (gguf?.layout !== undefined) return gguf;
  throw new UsageError('FORMAT_UNSUPPORTED', {
    found: `a model of the family ${name}`,
    expected: 'a family that can be written as GGUF',
    remedy: 'Save it as --format hf.',
  });
}

function checkName(out: string): void {
  if (!/\.gguf$/i.test(out))
    throw new UsageError('OUTPUT_NAME', {
      file: out,
      found: 'a name without .gguf',
      expected: 'a file for --format gguf',
      remedy: `Give --out ${out || 'model'}.gguf.`,
    });
}

/** The file's name; not one in which llama.cpp sees Phi-3 (`phi3`, `phi-3`) where the vocabulary lacks the tokens that it then asks for. */
function nameOf(out: string, words: ReadonlyMap<string, GgufTyped>): string {
  const name = basename(out).replace(/\.gguf$/i, '');
  const tokens = words.get('tokenizer.ggml.tokens') as { readonly texts: readonly string[] };
  return PHI3_TOKENS.every((token) => tokens.texts.includes(token)) ? name : name.replace(/phi-?3/gi, 'phi 3');
}

const PHI3_TOKENS = ['</s>', '<unk>', '<s>', '<|endoftext|>'];

function general(
  { architecture, whole, lists = {}, floats, texts = {}, flags = {} }: GgufLayout,
  name: string,
  dtype: GgufDtype,
  lineage: Lineage,
): Map<string, GgufTyped> {
  const own = (values: Readonly<Record<string, GgufTyped>>): [string, GgufTyped][] =>
    Object.entries(values).map(([key, value]) => [`${architecture}.${key}`, value]);
  const typed = <T>(values: Readonly<Record<string, T>>, type: (value: T) => GgufTyped): Readonly<Record<string, GgufTyped>> =>
    Object.fromEntries(Object.entries(values).map(([key, value]) => [key, type(value)]));
  return new Map<string, GgufTyped>([
    ['general.architecture', { text: architecture }],
    ['general.type', { text: 'model' }],
    ['general.name', { text: name }],
    ...(lineage.made.length > 0
      ? [['general.description', { text: `Made from ${lineage.base} with chop: ${lineage.made.join(' ')}` }] as [string, GgufTyped]]
      : []),
    ['general.file_type', { u32: FILE_TYPE[dtype] }],
    ['general.quantization_version', { u32: QUANTISATION_VERSION }],
    ...own(typed(whole, (u32) => ({ u32 }))),
    ...own(typed(lists, (i32s) => ({ i32s }))),
    ...own(typed(floats, (f32) => ({ f32 }))),
    ...own(typed(texts, (text) => ({ text }))),
    ...own(typed(flags, (bool) => ({ bool }))),
  ]);
}

async function vocabulary({ companions, source }: Checkpoint, { whole }: GgufLayout): Promise<Map<string, GgufTyped>> {
  const text = async (name: string): Promise<string | undefined> => {
    const bytes = await companions.get(name)?.();
    return bytes && new TextDecoder().decode(bytes);
  };
  const tokenizer = await text('tokenizer.json');
  if (tokenizer === undefined)
    throw new UsageError('FORMAT_UNSUPPORTED', {
      file: source,
      found: 'a model without tokenizer.json',
      expected: 'one: a GGUF file holds the vocabulary',
      remedy: 'Save it as --format hf.',
    });
  return ggufVocabulary({
    tokenizer,
    config: (await text('tokenizer_config.json')) ?? '{}',
    chatTemplate: await text('chat_template.jinja'),
    vocab: whole['vocab_size']!,
    source,
  });
}

function* constants({ constants = new Map() }: GgufLayout): Generator<GgufSource> {
  for (const [name, values] of constants)
    yield {
      name,
      shape: [values.length],
      type: 'F32',
      pieces: () => inOnePiece(new Uint8Array(values.buffer, values.byteOffset, values.byteLength)),
    };
}

function* weights(checkpoint: Checkpoint, { tensors, whole }: GgufLayout, dtype: GgufDtype): Generator<GgufSource> {
  const layers = whole['block_count']!;
  const tied = ![...tensors.values()].some(({ name }) => name === OUTPUT);
  for (const { name: own, shape, dtype: stored } of checkpoint.tensors.values()) {
    const { name, rows, excess = 0 } = tensors.get(own)!;
    const type = shape.length < 2 || name === POSITIONS ? 'F32' : fitting(typeOf(name, dtype, { layers, tied }), shape.at(-1)!);
    async function* asStored(): AsyncGenerator<Uint8Array> {
      if (rows === undefined) yield* reencode(checkpoint.stream(own), stored, 'F32');
      else
        yield* reencode(
          inOnePiece(gather(await readBytes(checkpoint, own), shape, [rows, ...shape.slice(1).map(() => undefined)], DTYPE_BYTES[stored])),
          stored,
          'F32',
        );
    }
    const floats = (): AsyncIterable<Uint8Array> => (excess === 0 ? asStored() : larger(asStored(), excess));
    const plain = type === 'F32' || type === 'F16' || type === 'BF16';
    yield { name, shape, type, pieces: () => (type === 'F32' ? floats() : plain ? reencode(floats(), 'F32', type) : quantised(type, floats())) };
  }
}

const OUTPUT = 'output.weight';
const EMBEDDING = 'token_embd.weight';
/** Learned positions are added, not multiplied: llama.cpp keeps them float32. */
const POSITIONS = 'position_embd.weight';

/** Which type a matrix gets: as llama.cpp's quantiser mixes them. */
function typeOf(name: string, dtype: GgufDtype, { layers, tied }: { readonly layers: number; readonly tied: boolean }): GgmlTypeName {
  if (dtype === 'f32' || dtype === 'f16' || dtype === 'bf16') return dtype.toUpperCase() as GgmlTypeName;
  if (dtype === 'q8_0') return 'Q8_0';
  if (name === OUTPUT || (tied && name === EMBEDDING)) return 'Q6_K';
  if (dtype === 'q4_0') return 'Q4_0';
  const [, at, part] = /^blk\.(\d+)\.(attn_v|attn_qkv|ffn_down)\./.exec(name) ?? [];
  // Where values stand with queries and keys, all layers get more bits, as in llama.cpp (which has Q5_K there).
  return part === 'attn_qkv' || (part !== undefined && needsMoreBits(Number(at), layers)) ? 'Q6_K' : 'Q4_K';
}

/** The first and the last eighth of the layers, and every third between. */
function needsMoreBits(at: number, layers: number): boolean {
  const eighth = Math.floor(layers / 8);
  return at < eighth || at >= Math.floor((7 * layers) / 8) || (at - eighth) % 3 === 2;
}

/** The type, or what stands in for it where a row is no whole number of its blocks. */
function fitting(type: GgmlTypeName, row: number): GgmlTypeName {
  const other = FALLBACK[type];
  return row % blockElements(type) === 0 || other === undefined ? type : fitting(other, row);
}

/** Float32 values, each larger by a number. */
async function* larger(pieces: AsyncIterable<Uint8Array>, excess: number): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    yield new Uint8Array(Float32Array.from(toFloat32(piece, 'F32'), (value) => value + excess).buffer);
  }
}
