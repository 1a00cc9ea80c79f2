import { type Checkpoint, checkTokenIds, DataError, evaluator, type Model, Pass, type Projection, throwIfAborted, visitLayers } from '@chop/core';
import { rowsOf, tokenLogProbabilities } from '@chop/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { z } from 'zod';

/** What {@link perplexity} measures. */
export interface PerplexityResult {
  /** Exponential of the mean negative log-likelihood per predicted token. */
  readonly value: number;
  /** Predicted tokens. */
  readonly tokens: number;
  readonly windows: number;
  /** Negative log-likelihood in bits per byte of the text that was predicted; absent when the text's bytes are not known. */
  readonly bitsPerByte?: number;
}

const options = z.strictObject({
  window: z.number().int().min(2).default(512).describe('tokens per window'),
  stride: z.number().int().min(1).optional().describe('tokens between two windows; less than the window: only the last stride tokens are scored'),
  windows: z.number().int().min(1).optional().describe('how many windows; by default all of the text'),
  bos: z.boolean().default(false).describe('put the begin-of-text token before each window'),
});

/**
 * Perplexity over windows of the text, each seen by itself: exp of the mean next-token loss over the `window − 1` positions
 * that predict a token. With a `stride` shorter than the window, tokens that were scored before are context only.
 */
export const perplexity = evaluator({
  name: 'perplexity',
  description: 'Perplexity over fixed windows of a text.',
  options,
  async evaluate(model, { window, stride = window, windows, bos }, { text, bosId, byteLength, layersFrom, signal, onProgress }): Promise<PerplexityResult> {
    const ids = (await text?.()) ?? new Int32Array(0);
    if (bos && bosId === undefined)
      throw new DataError('BOS_MISSING', { found: 'a tokenizer without a begin-of-text token', expected: 'one, for --bos', remedy: 'Leave --bos away.' });
    const available = ids.length < window ? 0 : Math.floor((ids.length - window) / stride) + 1;
    const count = Math.min(windows ?? available, available);
    if (count === 0)
      throw new DataError('DATA_EMPTY', {
        found: `${ids.length} tokens of text`,
        expected: `at least one window of ${window}`,
        remedy: 'Give more text or a smaller --window.',
      });
    const all = Array.from({ length: count }, (_, index): Window => {
      const own = ids.subarray(index * stride, index * stride + window);
      const row = bos ? Int32Array.of(bosId!, ...own) : own;
      return { row, from: index === 0 || stride >= window ? 1 : row.length - stride };
    });
    for (const { row } of all) checkTokenIds(model, row);
    let sum = 0;
    let tokens = 0;
    let bytes = 0;
    let done = 0;
    for await (const [{ row, from }, values] of layersFrom ? throughLayers(model, layersFrom, all, signal) : eachAlone(model, all, signal)) {
      for (const value of values) sum -= value;
      tokens += row.length - from;
      bytes += byteLength?.(row.subarray(from)) ?? 0;
      onProgress?.(++done, count);
    }
    return { value: Math.exp(sum / tokens), tokens, windows: count, ...(bytes > 0 ? { bitsPerByte: sum / Math.LN2 / bytes } : {}) };
  },
});

/** A row of tokens, those from `from` on predicted. */
interface Window {
  readonly row: Int32Array;
  readonly from: number;
}

/** Tokens whose hidden states are kept while layers come and go. */
export const TOKENS_IN_FLIGHT = 16_384;

/** Log-likelihoods of each window's predicted tokens. One at a time: its numbers depend on nothing else. */
async function* eachAlone(model: Model, windows: readonly Window[], signal: AbortSignal | undefined): AsyncGenerator<[Window, Float32Array]> {
  for (const window of windows) {
    throwIfAborted(signal);
    const { row, from } = window;
    const values = tf.tidy(() => scored(model.predict(rowTensor(row), { wanted: { from: from - 1, to: row.length - 1 } }), window));
    yield [window, await numbers(values)];
  }
}

/** The same numbers, with one layer of the model in memory at a time: many windows go through it before the next one is read. */
async function* throughLayers(
  model: Model,
  checkpoint: Checkpoint,
  windows: readonly Window[],
  signal: AbortSignal | undefined,
): AsyncGenerator<[Window, Float32Array]> {
  const together = Math.max(1, Math.floor(TOKENS_IN_FLIGHT / windows[0]!.row.length));
  for (let first = 0; first < windows.length; first += together) {
    const some = windows.slice(first, first + together);
    const pass = new Pass(model);
    let hidden: tf.Tensor[] = [];
    try {
      for await (const at of visitLayers(model, checkpoint, signal)) {
        if (at === 0) hidden = some.map(({ row }) => tf.keep(tf.tidy(() => model.embed(pass, rowTensor(row)))));
        for (const [i, before] of hidden.entries()) {
          throwIfAborted(signal);
          hidden[i] = tf.keep(tf.tidy(() => model.layer(pass, at, before)));
          before.dispose();
        }
      }
      for (const [i, window] of some.entries()) {
        const { row, from } = window;
        const wanted = (): tf.Tensor => tf.slice(hidden[i]!, [0, from - 1, 0], [-1, row.length - from, -1]);
        yield [window, await numbers(tf.tidy(() => scored(model.project(pass, wanted()), window)))];
      }
    } finally {
      tf.dispose(hidden);
      pass.close();
      model.drop();
    }
  }
}

const rowTensor = (row: Int32Array): tf.Tensor => tf.tensor2d(row, [1, row.length], 'int32');

const scored = (predicted: Projection, { row, from }: Window): tf.Tensor => tokenLogProbabilities(rowsOf(predicted), tf.tensor1d(row.subarray(from), 'int32'));

async function numbers(values: tf.Tensor): Promise<Float32Array> {
  const out = (await values.data()) as Float32Array;
  values.dispose();
  return out;
}
