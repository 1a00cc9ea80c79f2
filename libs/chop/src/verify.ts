import { ChopError, type EngineError } from '@chop/core';
import { startEngine } from '@chop/kernels';
import { compareLogits, type Difference } from './compare-logits.js';
import { engineOptions, memoryFor } from './memory-limit.js';
import type { OpenModel } from './opened.js';
import type { Common } from './request.js';
import { withRuntime } from './runtime-process.js';
import { findRuntime, type FoundRuntime, installCommand, RUNTIME_NAMES, runtimeMissing, type RuntimeName, RUNTIMES } from './runtimes.js';
import type { GgufDtype } from './save-gguf.js';
import type { OnnxDtype } from './save-onnx.js';
import { logitsAsStored } from './stored-logits.js';

/** `auto`: where the runtime is there; `required`: else it is an error; `none`: not at all. */
export const VERIFY_MODES = ['auto', 'required', 'none'] as const;
/** Whether what was written is opened again before it takes its place. */
export type VerifyMode = (typeof VERIFY_MODES)[number];

/** What opened the written model, and how far its logits are from chop's on the weights as they are stored; or why nothing did. */
export type Verified =
  | ({
      readonly runtime: string;
      readonly version: string;
      /** Folders of transformers are read by chop: their bytes, and their logits unless the model is large. */
      readonly compared: 'logits' | 'bytes' | 'bytes and logits';
    } & Difference)
  | { readonly skipped: string };

/** How what was written is verified. */
export interface VerifyRequest extends Pick<Common, 'engine' | 'threads' | 'memoryLimit' | 'signal' | 'onProgress' | 'onMessage'> {
  /** Default `auto`. */
  readonly verify?: VerifyMode;
  /** The runtime that must open the model; by default the first that is there of those that read its format. */
  readonly runtime?: RuntimeName;
}

/** What was written, before it has its name. */
export interface Written {
  /** The file or folder, where it is now. */
  readonly path: string;
  /** The graph in the folder. */
  readonly graph?: string;
  /** What it will be called. */
  readonly file: string;
  readonly format: 'gguf' | 'onnx';
  readonly dtype: GgufDtype | OnnxDtype;
}

/**
 * How far logits may be apart, as a share of the largest one (at least 1). Floats: what sums in another order and, below float32, products of
 * rounded values come to. Blocks, and bfloat16 in llama.cpp: activations are rounded too, to 8 bits in blocks of 32 or to bfloat16; where a model has
 * outliers among them (SmolLM2: 0.075 was seen) that is far more than the order of sums. A model that takes it to heart may be farther away: {@link compareLogits}.
 */
const TOLERANCES: Readonly<Record<Written['dtype'], number>> = {
  ...{ f32: 2e-3, f16: 2e-2, bf16: 5e-2 },
  ...{ q8_0: 0.15, q4_0: 0.15, q4_k_m: 0.15 },
  ...{ q8: 0.15, q4: 0.15, q4f16: 0.15 },
};

/** How the tokens of the probe reach a runtime: a prompt, then one after another through its cache. */
const PIECES = [6, 1, 1, 2] as const;

/** A fixed short text: ids all over the vocabulary, by the golden ratio. */
export function probeIds(vocab: number): number[] {
  const golden = (Math.sqrt(5) - 1) / 2;
  return Array.from({ length: PIECES.reduce((sum, count) => sum + count, 0) }, (_, at) => Math.floor((((at + 1) * golden) % 1) * vocab));
}

/**
 * Opens a written model in the runtime that it is for, and compares its logits with chop's.
 *
 * @param from - the user's project, where runtimes are looked for first.
 * @throws {@link OutputError} `EXPORT_DIFFERS`, `EXPORT_UNREADABLE`
 * @throws {@link EngineError} where verification is required: `RUNTIME_MISSING`, `RUNTIME_BROKEN`, `VERIFY_MEMORY`
 */
export async function verifyInRuntime(opened: OpenModel, written: Written, request: VerifyRequest, from: string | undefined): Promise<Verified> {
  const { verify = 'auto', memoryLimit, onMessage, onProgress } = request;
  if (verify === 'none') return { skipped: 'not asked for' };
  const names = request.runtime === undefined ? readersOf(written.format) : [request.runtime];
  const skip = (error: EngineError, why: string, remedy: string): Verified => {
    if (verify === 'required') throw error;
    onMessage?.(`not verified: ${why}. ${remedy}`);
    return { skipped: why };
  };
  const runtime = names.map((name) => findRuntime(name, { from })).find((found) => found !== undefined);
  if (!runtime) return skip(runtimeMissing(names), `no ${names[0]} here`, `To get it: ${installCommand(names[0]!)}`);
  const lack = memoryFor(opened.blueprint.parameters * BYTES_IN_USE, memoryLimit);
  if (lack) return skip(lack, `${lack.facts.found}, ${lack.facts.expected}`, 'Verify it where there is more memory.');
  onProgress?.({ phase: `verify in ${runtime.name}` });
  await startEngine(engineOptions(request));
  try {
    return await compareIn(runtime, opened, written, request);
  } catch (error) {
    if (!(error instanceof ChopError) || error.code !== 'RUNTIME_BROKEN') throw error;
    return skip(error, `${runtime.name} ${runtime.version} does not load`, String(error.facts.found));
  }
}

/** Float32 weights on the engine and what is beside them while one of them is read; a runtime, which comes afterwards, takes less. */
export const BYTES_IN_USE = 5;

/** Nats from which on a good reader and a bad one are alike far away: perplexities of seven times. */
const NO_TEST_FROM = 2;

async function compareIn(runtime: FoundRuntime, opened: OpenModel, written: Written, { signal, onMessage }: VerifyRequest): Promise<Verified> {
  const { file, dtype } = written;
  const { name, version } = runtime;
  const ids = probeIds(opened.blueprint.axes.size('vocab'));
  const found: Float32Array[] = [];
  await withRuntime(runtime, { path: (name === 'onnxruntime' ? written.graph : undefined) ?? written.path, dtype }, { signal, file }, async (read) => {
    let from = 0;
    for (const count of PIECES) found.push(await read(ids.slice(from, (from += count))));
  });
  const expected = await logitsAsStored(opened, written, ids, signal);
  const difference = compareLogits(joined(found), expected, { ids, share: TOLERANCES[dtype], reader: `${name} ${version}`, file });
  if ((difference.divergenceTolerance ?? 0) > NO_TEST_FROM)
    onMessage?.(
      `${name} reads it, but ${dtype} rounds activations so far that this model says something else each time: its logits tell little of the file. Train it first, or export it as f32.`,
    );
  return { runtime: name, version, compared: 'logits', ...difference };
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** The runtimes that read a format. */
function readersOf(format: Written['format']): readonly RuntimeName[] {
  return RUNTIME_NAMES.filter((name) => RUNTIMES[name].format === format);
}
