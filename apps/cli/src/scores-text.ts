import type { EvalResult } from '@chop/chop';
import { figure, short, size } from './numbers.js';
import { printable } from './paint.js';
import { table } from './table.js';

/** What a model scored, one line per number. */
export function scoresText({ model, parameters, bytes, engine, perplexity, latency }: EvalResult): string {
  const rows: string[][] = [];
  if (perplexity) {
    const { value, tokens, windows, bitsPerByte } = perplexity;
    rows.push(['perplexity', figure(value), `${tokens.toLocaleString('en-US')} tokens in ${windows} windows`]);
    if (bitsPerByte !== undefined) rows.push(['bits per byte', bitsPerByte.toFixed(4), '']);
  }
  if (latency) {
    const { prefill, decode, peakBytes } = latency;
    for (const [name, { tokensPerSecond, milliseconds }] of [
      ['prefill', prefill],
      ['decode', decode],
    ] as const) {
      rows.push([
        name,
        `${figure(tokensPerSecond)} tokens/s`,
        `median ${milliseconds.median.toFixed(1)} ms, 10th to 90th percentile ${milliseconds.p10.toFixed(1)} to ${milliseconds.p90.toFixed(1)} ms`,
      ]);
    }
    rows.push(['peak memory', size(peakBytes), '']);
  }
  return [`${printable(model)}  ${short(parameters)} parameters, ${size(bytes)}, on ${engine}`, table(rows, [1])].join('\n');
}
