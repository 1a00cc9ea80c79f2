import { type EvaluationContext, type Model, throwIfAborted, UsageError } from '@chop/core';
import { type Decoder, decoder } from '@chop/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { z } from 'zod';

const size = z.number().int().min(1);
const sizes = z.union([size, z.array(size).min(1)]).transform((given) => (typeof given === 'number' ? [given] : given));

/** What is timed. */
export const latencyOptions = z.strictObject({
  batch: sizes.prefault([1]).describe('texts that are read side by side; a list measures each'),
  context: sizes.prefault([128]).describe('tokens of the prompt; a list measures each, with each batch'),
  tokens: z.number().int().min(2).default(32).describe('tokens written after it, one at a time'),
  runs: size.default(5).describe('prompts that are timed, of each batch and context'),
  warmup: z.number().int().min(0).default(1).describe('prompts before them that are told apart'),
});
/** The options of the latency evaluator, checked. */
export type LatencyOptions = z.output<typeof latencyOptions>;

/** A prompt that is read and written on, in milliseconds. */
export interface LatencySample {
  readonly prefill: number;
  /** The first token written: where the native engine records what the others replay. */
  readonly first: number;
  /** The other tokens, one by one. */
  readonly steps: readonly number[];
  /** Bytes that the texts held in memory in the end, beside the weights. */
  readonly textBytes: number;
}

/** All samples of one model with one batch and context. */
export interface LatencySamples {
  readonly batch: number;
  readonly context: number;
  readonly warmup: readonly LatencySample[];
  readonly steady: readonly LatencySample[];
}

/**
 * Times models, with each batch and context. They take turns prompt by prompt (A, B, A, B …), so that what else the machine does hits all of them: the
 * samples of equal place make pairs.
 *
 * @returns for each model, in their order, the samples of each batch and context.
 * @throws {@link UsageError} `CONTEXT_LENGTH`
 */
export async function sampleLatency(
  models: readonly Model[],
  { batch: batches, context: contexts, tokens, runs, warmup }: LatencyOptions,
  { signal, onProgress }: Pick<EvaluationContext, 'signal' | 'onProgress'>,
): Promise<LatencySamples[][]> {
  for (const model of models) checkContext(model, Math.max(...contexts), tokens);
  const settings = contexts.flatMap((context) => batches.map((batch) => ({ batch, context })));
  const total = settings.length * (warmup + runs) * models.length;
  const taken: LatencySamples[][] = models.map(() => []);
  let done = 0;
  for (const setting of settings) {
    const own = models.map((): LatencySample[] => []);
    for (let run = 0; run < warmup + runs; run++) {
      for (const [index, model] of models.entries()) {
        own[index]!.push(await sample(model, setting, tokens, signal));
        onProgress?.(++done, total);
      }
    }
    taken.forEach((samples, index) => samples.push({ ...setting, warmup: own[index]!.slice(0, warmup), steady: own[index]!.slice(warmup) }));
  }
  return taken;
}

async function sample(
  model: Model,
  { batch, context }: { batch: number; context: number },
  tokens: number,
  signal: AbortSignal | undefined,
): Promise<LatencySample> {
  const before = tf.memory().numBytes;
  const reader = decoder(model, batch);
  try {
    const prefill = await timed(reader, batch * context);
    const steps: number[] = [];
    for (let i = 0; i < tokens; i++) {
      throwIfAborted(signal);
      steps.push(await timed(reader, batch));
    }
    const [first, ...others] = steps as [number, ...number[]];
    return { prefill, first, steps: others, textBytes: tf.memory().numBytes - before };
  } finally {
    reader.dispose();
  }
}

/** Milliseconds until the logits are there. Which tokens are read makes no difference to that. */
async function timed(reader: Decoder, ids: number): Promise<number> {
  const started = performance.now();
  const logits = reader.read(new Int32Array(ids).fill(1));
  await logits.data();
  const milliseconds = performance.now() - started;
  logits.dispose();
  return milliseconds;
}

function checkContext({ config }: Model, context: number, tokens: number): void {
  const most = Number(config['max_position_embeddings'] ?? Infinity);
  if (context + tokens > most)
    throw new UsageError('CONTEXT_LENGTH', {
      found: `a prompt of ${context} tokens and ${tokens} after it`,
      expected: `at most ${most}, the context of the model`,
      remedy: `Give a --context of at most ${Math.max(1, most - tokens)}.`,
    });
}
