import { evaluator, throwIfAborted } from '@chop/core';
import { type Decoder, decoder } from '@chop/kernels';
import { z } from 'zod';

/** Median and spread of one kind of work. */
export interface Timing {
  readonly tokensPerSecond: number;
  /** Milliseconds of one run (prefill: the whole prompt; decode: one token): median, 10th and 90th percentile. */
  readonly milliseconds: { readonly median: number; readonly p10: number; readonly p90: number };
  readonly runs: number;
}

/** What {@link latency} measures. */
export interface LatencyResult {
  readonly prefill: Timing;
  readonly decode: Timing;
  /** Bytes of the weights in memory. */
  readonly weightBytes: number;
}

const options = z.strictObject({
  prompt: z.number().int().min(1).default(128).describe('tokens of the prompt'),
  tokens: z.number().int().min(1).default(32).describe('tokens decoded after it'),
  runs: z.number().int().min(1).default(5).describe('prompts that are timed, after one that is not'),
});

/** Tokens per second of reading a prompt and of writing after it, batch 1. */
export const latency = evaluator({
  name: 'latency',
  description: 'Tokens per second of prefill and decode, batch 1.',
  options,
  async evaluate(model, { prompt, tokens, runs }, { signal, onProgress }): Promise<LatencyResult> {
    const context = Number(model.config['max_position_embeddings'] ?? Infinity);
    const length = Math.max(1, Math.min(prompt, context - tokens));
    const prefill: number[] = [];
    const decode: number[] = [];
    for (let run = -1; run < runs; run++) {
      throwIfAborted(signal);
      const reader = decoder(model);
      try {
        const first = await timed(reader, new Int32Array(length).fill(1));
        const steps: number[] = [];
        for (let i = 0; i < tokens && length + i < context; i++) steps.push(await timed(reader, Int32Array.of(1)));
        if (run >= 0) {
          prefill.push(first);
          decode.push(...steps);
        }
      } finally {
        reader.dispose();
      }
      onProgress?.(run + 2, runs + 1);
    }
    const weightBytes = model.names.reduce((sum, name) => sum + model.value(name).size * 4, 0);
    return { prefill: timing(prefill, length), decode: timing(decode, 1), weightBytes };
  },
});

async function timed(reader: Decoder, ids: Int32Array): Promise<number> {
  const started = performance.now();
  const logits = reader.read(ids);
  await logits.data();
  const milliseconds = performance.now() - started;
  logits.dispose();
  return milliseconds;
}

function timing(milliseconds: readonly number[], tokens: number): Timing {
  const sorted = [...milliseconds].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
  return { tokensPerSecond: (1000 * tokens) / at(0.5), milliseconds: { median: at(0.5), p10: at(0.1), p90: at(0.9) }, runs: sorted.length };
}
