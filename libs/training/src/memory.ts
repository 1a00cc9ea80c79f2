import { type Blueprint, type Weight, windowsTogether } from '@chop/core';
import type { TrainOptions } from './options.js';

const FLOAT = 4;

/** Node.js, its compiled code and the engine's libraries, in memory with a model of no size (measured: 0.29 GB). */
const PROGRAM_BYTES = 0.3e9;

/** Blocks of the allocator are up to twice as large as what was asked for, and holes lie between them: measured on SmolLM2-135M, 4 × 256 (docs/kernels.md). */
const HELD_SLACK = 1.1;
const PASSING_SLACK = 1.4;

/** Floats of a block of logits: `kBlockFloats` of native/softmax.h. */
const BLOCK_FLOATS = 2 ** 25;

/** Arrays of all logits that the references of the losses hold at once. */
const REFERENCE_LOGITS = 4;

/** What a run's memory is made of, in bytes; counted from shapes, before anything runs. */
export interface MemoryForecast {
  readonly weights: number;
  readonly moments: number;
  readonly gradients: number;
  /** What the forward pass keeps for the backward pass, and what one layer holds on top of it. */
  readonly activations: number;
  /** Logits in memory at once, and the gradients of the output layer that come with the loss. */
  readonly logits: number;
  readonly teacher: number;
  /** The most that the process will hold. */
  readonly total: number;
}

/** What the work is done with. */
export interface MemorySetting {
  /** Whether native kernels run: they never hold all logits or all scores of attention. */
  readonly native: boolean;
  readonly teacher?: Blueprint | undefined;
}

/** Foretells the memory of a training run. A method that prunes while training may add state of its own: that is not counted. */
export function trainingMemory(blueprint: Blueprint, options: TrainOptions, { native, teacher }: MemorySetting): MemoryForecast {
  const { batchSize, window, optimizer, accumulate, checkpointBlocks } = options;
  const tokens = batchSize * window;
  const weights = FLOAT * blueprint.parameters;
  const moments = weights * (optimizer === 'adamw' ? 2 : 1);
  const gradients = weights;
  const layers = Array.from({ length: blueprint.axes.layers }, (_, at) => FLOAT * tokens * keptPerToken(blueprint, at));
  const boundaries = FLOAT * tokens * blueprint.axes.size('width') * layers.length;
  const largest = Math.max(0, ...layers);
  const scores = native ? 0 : attentionScores(blueprint, batchSize, window);
  const activations = (checkpointBlocks ? boundaries + largest : sum(layers)) + largest + scores;
  const head = outputLayer(blueprint);
  const logits = logitBytes(tokens, head.vocab, native) * (teacher ? 2 : 1) + head.bytes;
  const taught = teacher ? FLOAT * teacher.parameters : 0;
  // Either the backward pass begins, when everything is kept and no gradient made; or it ends, when all gradients are there, that of an embedding with its two summands.
  const passing = (accumulate > 1 ? gradients : 0) + Math.max(activations + logits, gradients + 2 * head.bytes);
  const total = PROGRAM_BYTES + HELD_SLACK * (weights + moments) + taught + PASSING_SLACK * passing;
  return { weights, moments, gradients, activations, logits, teacher: taught, total };
}

/** Foretells the memory of a model that is run and not trained, over `tokens` at once. */
export function forwardMemory(
  blueprint: Blueprint,
  { batchSize, window }: { batchSize: number; window: number },
  { native }: Pick<MemorySetting, 'native'>,
): MemoryForecast {
  const weights = FLOAT * blueprint.parameters;
  const tokens = batchSize * window;
  const layers = Array.from({ length: blueprint.axes.layers }, (_, at) => FLOAT * tokens * keptPerToken(blueprint, at));
  const activations = Math.max(0, ...layers) + (native ? 0 : attentionScores(blueprint, batchSize, window));
  const logits = logitBytes(tokens, outputLayer(blueprint).vocab, native);
  const total = PROGRAM_BYTES + HELD_SLACK * weights + PASSING_SLACK * (activations + logits);
  return { weights, moments: 0, gradients: 0, activations, logits, teacher: 0, total };
}

/** Foretells the memory of a method that walks through a model block by block: one layer's weights at a time, and the hidden states of all text. */
export function sweepMemory(
  blueprint: Blueprint,
  { samples, window }: { samples: number; window: number },
  { native }: Pick<MemorySetting, 'native'>,
): MemoryForecast {
  const width = blueprint.axes.size('width');
  const layers = Array.from({ length: blueprint.axes.layers }, (_, at) => at);
  const matrices = Math.max(0, ...layers.map((at) => FLOAT * sum(blueprint.linears(at).map(({ shape: [out, into] }) => out! * into!))));
  const weights = matrices + outputLayer(blueprint).bytes;
  const together = Math.min(samples, windowsTogether(window));
  const kept = Math.max(0, ...layers.map((at) => FLOAT * together * window * keptPerToken(blueprint, at)));
  // The states of a text before a layer and after it.
  const activations = 2 * FLOAT * samples * window * width + kept + (native ? 0 : attentionScores(blueprint, together, window));
  const total = PROGRAM_BYTES + HELD_SLACK * weights + PASSING_SLACK * (activations + matrices);
  return { weights, moments: 0, gradients: 0, activations, logits: 0, teacher: 0, total };
}

/**
 * Floats per token that a layer keeps for its backward pass: what goes into and comes out of each norm, what the matrices that read the
 * stream make (queries, keys, values, gate, up), and what those that write into it read (attention's result, the gated product).
 */
function keptPerToken(blueprint: Blueprint, at: number): number {
  const width = blueprint.axes.size('width');
  const norms = [...blueprint.weights.values()].filter((weight) => weight.at === at && weight.shape.length === 1 && weight.role.endsWith('Norm')).length;
  const matrices = blueprint.linears(at).map((weight) => weight.shape[writesStream(weight) ? 1 : 0]!);
  return 2 * norms * width + sum(matrices);
}

/** Whether a matrix's result is of the stream that runs past the layers: its rows are the model's width. */
function writesStream({ dimensions }: Weight): boolean {
  return dimensions[0]!.text === 'width';
}

/** References of attention hold the scores of one layer, in a few copies. */
function attentionScores(blueprint: Blueprint, batchSize: number, window: number): number {
  const { axes } = blueprint;
  const counted = ['head', 'kv', 'group'].filter((axis) => axis in axes.rules);
  const headsOf = (at: number): number => counted.reduce((product, axis) => product * axes.size(axis, at), 1);
  const heads = Math.max(0, ...Array.from({ length: axes.layers }, (_, at) => headsOf(at)));
  return REFERENCE_LOGITS * FLOAT * batchSize * heads * window ** 2;
}

function outputLayer(blueprint: Blueprint): { vocab: number; bytes: number } {
  const vocab = blueprint.axes.size('vocab');
  return { vocab, bytes: FLOAT * vocab * blueprint.axes.size('width') };
}

/** A block of rows is as high as fits, and blocks are equally high. */
function logitBytes(rows: number, vocab: number, native: boolean): number {
  if (!native) return REFERENCE_LOGITS * FLOAT * rows * vocab;
  const blocks = Math.ceil(rows / Math.max(1, Math.floor(BLOCK_FLOATS / vocab)));
  return FLOAT * Math.ceil(rows / blocks) * vocab;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
