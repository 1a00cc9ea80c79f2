import type { EvalResult } from '@chop/chop';
import { figure, short, size } from './numbers.js';

type Latency = NonNullable<EvalResult['latency']>;
type Setting = Latency['settings'][number];
type SpeedUps = NonNullable<Latency['speedUps']>[number];
type Timing = Setting['prefill'];

/** How fast a model reads and writes, with each batch and context; and what that takes. */
export function latencyRows({ settings, weightBytes, peakBytes, speedUps = [] }: Latency): string[][] {
  return [
    ...settings.flatMap((setting) => settingRows(setting, settings.length > 1)),
    ...speedUps.map((each) => ['as fast as the base', `${each.query.median.toFixed(2)} ×`, speedText(each)]),
    ['weights', size(weightBytes), 'in memory'],
    ['peak memory', size(peakBytes), 'of the process so far'],
  ];
}

function settingRows({ batch, context, prefill, decode, query, textBytes }: Setting, named: boolean): string[][] {
  const where = named ? ` ${batch} × ${context}` : '';
  return [
    [`prefill${where}`, `${figure(prefill.tokensPerSecond)} tokens/s`, timingText(prefill)],
    [`decode${where}`, `${figure(decode.tokensPerSecond)} tokens/s`, timingText(decode)],
    [
      `query${where}`,
      `${figure(query.median)} ms`,
      `reading and writing; 10th to 90th percentile ${query.p10.toFixed(1)} to ${query.p90.toFixed(1)} ms, ${size(textBytes)} beside the weights`,
    ],
  ];
}

function timingText({ milliseconds: { p10, median, p90, p99 }, runs, flops, warmup }: Timing): string {
  const before = warmup ? `; warming up ${warmup.milliseconds.toFixed(1)} ms` : '';
  return `median ${median.toFixed(1)} ms, 10th to 90th percentile ${p10.toFixed(1)} to ${p90.toFixed(1)} ms, 99th ${p99.toFixed(1)} ms, of ${runs}${before}; ${short(flops)}FLOP`;
}

/** Speed-ups of one batch and context, with how far pairs of runs lay apart. */
export function speedText({ batch, context, prefill, decode, query }: SpeedUps): string {
  const told = (what: string, { median, p10, p90 }: SpeedUps['query']): string => `${what} ${median.toFixed(2)} × (${p10.toFixed(2)} to ${p90.toFixed(2)})`;
  return `batch ${batch}, context ${context}: ${told('prefill', prefill)}, ${told('decode', decode)}, ${told('together', query)}; ${query.pairs} pair${query.pairs === 1 ? '' : 's'} of runs${unsure(query) ? ', which do not tell them apart' : ''}`;
}

/** Whether pairs of runs lie on both sides of 1. */
function unsure({ p10, p90 }: SpeedUps['query']): boolean {
  return p10 <= 1 && p90 >= 1;
}
