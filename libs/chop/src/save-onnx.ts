import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Checkpoint, DTYPE_BYTES, elementCount, fromFloat32, readBytes, toFloat32, transpose } from '@chop/core';
import {
  atomicFolder,
  checkDisk,
  externalParts,
  inOnePiece,
  type OnnxExternal,
  type OnnxModel,
  type OnnxTensor,
  type OnnxType,
  onnxBytes,
  reencode,
  writeStream,
} from '@chop/formats';
import { startEngine } from '@chop/kernels';
import { modelCard } from './card.js';
import { LINEAGE_FILE, type Lineage } from './lineage.js';
import { blocksOf, scalesOf } from './onnx-blocks.js';
import { BLOCK, modelGraph, type OnnxPrecision, type WeightUse } from './onnx-graph.js';
import { loadersOf, readersOf } from './loaders.js';
import type { OpenModel } from './opened.js';
import type { Common } from './request.js';
import type { WrittenResult } from './verbs.js';

/** Precisions by their names, and the ending that transformers.js knows a file by. */
export const PRECISIONS = {
  f32: { float: 'f32', suffix: '' },
  f16: { float: 'f16', suffix: '_fp16' },
  q8: { float: 'f32', bits: 8, suffix: '_quantized' },
  q4: { float: 'f32', bits: 4, suffix: '_q4' },
  q4f16: { float: 'f16', bits: 4, suffix: '_q4f16' },
} as const satisfies Readonly<Record<string, OnnxPrecision & { readonly suffix: string }>>;

/** How weights are stored in an ONNX file: floats, or matrices of products in blocks of 8 or 4 bits. */
export type OnnxDtype = keyof typeof PRECISIONS;
export const ONNX_DTYPES = Object.keys(PRECISIONS) as readonly OnnxDtype[];

/** A file of protocol buffers ends at 2 GB: larger models have their weights beside it. */
const LARGEST_FILE = 1.9e9;
/** Weights that are worth a place in the file beside the model. */
const EXTERNAL_FROM = 1024;
/** Files of a checkpoint that go along: its tokenizer, how it generates, its licence. */
const COMPANIONS = /^(tokenizer|special_tokens|added_tokens|generation_config|vocab|merges|chat_template|LICENSE|NOTICE)/;
/** What a model knows of positions where its config does not say. */
const DEFAULT_CONTEXT = 2048;

export interface OnnxRequest extends Pick<Common, 'signal' | 'onProgress'> {
  readonly dtype: OnnxDtype;
  readonly force?: boolean | undefined;
  readonly lineage: Lineage;
  /** Looks at the folder, and the graph in it, before it gets its name. */
  readonly check: (temporary: string, graph: string) => Promise<void>;
}

/**
 * Writes an open model as a folder for ONNX Runtime and transformers.js: config, tokenizer, and `onnx/model….onnx` with a cache of keys and values. One
 * layer is on the engine at a time while the graph is made; weights are written one at a time.
 *
 * @throws {@link UsageError} `FORMAT_UNSUPPORTED`, `OUTPUT_EXISTS`, `OUTPUT_FOREIGN`
 */
export async function saveOnnx(opened: OpenModel, out: string, { dtype, force, lineage, check, signal, onProgress }: OnnxRequest): Promise<WrittenResult> {
  const started = performance.now();
  const { blueprint } = opened;
  const { suffix, ...precision } = PRECISIONS[dtype];
  const model = await onnxModel(opened, precision, signal);
  const totalBytes = model.tensors.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const name = `model${suffix}.onnx`;
  const external: OnnxExternal | undefined = totalBytes > LARGEST_FILE ? { location: `${name}_data`, from: EXTERNAL_FROM } : undefined;
  const files: string[] = [];
  let bytes = 0;
  await checkDisk(out, totalBytes);
  await atomicFolder(out, { force, objection }, async (temporary) => {
    await mkdir(join(temporary, 'onnx'));
    const put = async (file: string, pieces: AsyncIterable<Uint8Array>): Promise<void> => {
      const onBytes = (more: number): void => onProgress?.({ phase: 'write', done: Math.min((bytes += more), totalBytes), total: totalBytes });
      await writeStream(join(temporary, file), { signal, onBytes }, async (write) => {
        for await (const piece of pieces) await write(piece);
      });
      files.push(file);
    };
    for (const [file, text] of await texts(opened, lineage, external !== undefined)) await put(file, inOnePiece(text));
    await put(`onnx/${name}`, onnxBytes(model, external));
    if (external) await put(`onnx/${external.location}`, externalParts(model, external));
    await check(temporary, join(temporary, 'onnx', name));
  });
  return { out, parameters: blueprint.parameters, bytes: totalBytes, files, seconds: (performance.now() - started) / 1000 };
}

async function onnxModel(opened: OpenModel, precision: OnnxPrecision, signal: AbortSignal | undefined): Promise<OnnxModel> {
  await startEngine();
  const { checkpoint, family, blueprint } = opened;
  const context = Number(checkpoint.config['max_position_embeddings'] ?? DEFAULT_CONTEXT);
  const { weights, constants, ...graph } = await modelGraph(family.model(blueprint), checkpoint, { context, precision, signal });
  const tensors = [...weights].map(([name, { weight, use }]) => tensor(checkpoint, name, weight, use, precision));
  return { ...graph, tensors: [...constants, ...tensors], producer: 'chop' };
}

/** A weight of the checkpoint as the graph wants it. */
function tensor(checkpoint: Checkpoint, name: string, weight: string, use: WeightUse, { float, bits }: OnnxPrecision): OnnxTensor {
  const { shape, dtype } = checkpoint.tensors.get(weight)!;
  const stored = float === 'f32' ? 'F32' : 'F16';
  const [rows, columns] = shape as [number, number];
  const byteLength = elementCount(shape) * DTYPE_BYTES[stored];
  const blocks = (type: OnnxType, dims: readonly number[], bytes: number, make: (values: Float32Array) => Uint8Array): OnnxTensor => ({
    name,
    type,
    dims,
    byteLength: bytes,
    async *pieces() {
      yield make(toFloat32(await readBytes(checkpoint, weight), dtype));
    },
  });
  switch (use) {
    case 'plain':
      return { name, type: float, dims: shape, byteLength, pieces: () => reencode(checkpoint.stream(weight), dtype, stored) };
    case 'turned': {
      async function* turned(): AsyncGenerator<Uint8Array> {
        yield transpose(await readBytes(checkpoint, weight), { shape, dtype });
      }
      return { name, type: float, dims: [columns, rows], byteLength, pieces: () => reencode(turned(), dtype, stored) };
    }
    case 'levels':
      return blocks('u8', [rows, columns / BLOCK, (BLOCK * bits!) / 8], (rows * columns * bits!) / 8, (values) => blocksOf(values, bits!));
    case 'scales': {
      const count = (rows * columns) / BLOCK;
      return blocks(float, [count], count * DTYPE_BYTES[stored], (values) => fromFloat32(scalesOf(values, bits!), stored));
    }
  }
}

/** The files beside the graph: what transformers.js reads first. */
async function texts(opened: OpenModel, lineage: Lineage, external: boolean): Promise<Map<string, Uint8Array>> {
  const { checkpoint, blueprint } = opened;
  const json = (value: unknown): Uint8Array => new TextEncoder().encode(`${JSON.stringify(value, undefined, 2)}\n`);
  const forJs = {
    ...(external ? { use_external_data_format: true } : {}),
    kv_cache_dtype: { fp16: 'float16', q4f16: 'float16' },
  };
  const tokenizer = [...checkpoint.companions].filter(([name]) => COMPANIONS.test(name));
  const companions = await Promise.all(tokenizer.map(async ([name, read]) => [name, await read()] as const));
  return new Map([
    ...companions,
    ['config.json', json({ ...checkpoint.config, 'transformers.js_config': forJs })],
    [LINEAGE_FILE, json(lineage)],
    ['README.md', new TextEncoder().encode(modelCard(lineage, blueprint.parameters, readersOf('onnx', loadersOf(opened))))],
  ]);
}

/** What {@link saveOnnx} writes beside the graphs. */
const WRITTEN = new RegExp(`^(config\\.json|README\\.md|${LINEAGE_FILE.replace('.', '\\.')}|${COMPANIONS.source.slice(1)}.*)$`);
const GRAPH = /^model\w*\.onnx(_data)?$/;

/** Why a folder is not one that {@link saveOnnx} has written, with nothing of others' in it. */
async function objection(folder: string): Promise<string | undefined> {
  const names = await readdir(folder);
  if (!names.includes('onnx') || !names.includes(LINEAGE_FILE)) return 'a folder that is no ONNX model of chop';
  const graphs = await readdir(join(folder, 'onnx'));
  const foreign = names.find((name) => name !== 'onnx' && !WRITTEN.test(name)) ?? graphs.find((name) => !GRAPH.test(name));
  return foreign === undefined ? undefined : `${JSON.stringify(foreign)} beside an ONNX model`;
}
