import { DataError, evaluator, type Model, throwIfAborted } from '@chop/core';
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
  async evaluate(model, { window, stride = window, windows, bos }, { text, bosId, byteLength, signal, onProgress }): Promise<PerplexityResult> {
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
    let sum = 0;
    let tokens = 0;
    let bytes = 0;
    for (let index = 0; index < count; index++) {
      throwIfAborted(signal);
      const own = ids.subarray(index * stride, index * stride + window);
      const row = bos ? Int32Array.of(bosId!, ...own) : own;
      const from = index === 0 || stride >= window ? 1 : row.length - stride;
      for (const value of await logLikelihoods(model, row, from)) sum -= value;
      tokens += row.length - from;
      bytes += byteLength?.(row.subarray(from)) ?? 0;
      onProgress?.(index + 1, count);
    }
    return { value: Math.exp(sum / tokens), tokens, windows: count, ...(bytes > 0 ? { bitsPerByte: sum / Math.LN2 / bytes } : {}) };
  },
});

/** Log-likelihood of each token of one row from position `from` on, given all before it. One row at a time: its numbers depend on nothing else. */
async function logLikelihoods(model: Model, row: Int32Array, from: number): Promise<Float32Array> {
  const values = tf.tidy(() => {
    const predicted = model.predict(tf.tensor2d(row, [1, row.length], 'int32'), { wanted: { from: from - 1, to: row.length - 1 } });
    return tokenLogProbabilities(rowsOf(predicted), tf.tensor1d(row.subarray(from), 'int32'));
  });
  const out = (await values.data()) as Float32Array;
  values.dispose();
  return out;
}
