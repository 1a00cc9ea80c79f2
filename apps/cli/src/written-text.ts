import type { TrainResult, WrittenResult } from '@chop/chop';
import { duration, figure, short, size } from './numbers.js';
import { printable } from './paint.js';

/** A model that was written. */
export function writtenText({ out, parameters, bytes, seconds, explanation }: Omit<WrittenResult, 'files'> & { readonly explanation?: string }): string {
  const what = explanation === undefined ? [] : [printable(explanation)];
  return [...what, `${out}  ${short(parameters)} parameters, ${size(bytes)}, in ${duration(seconds)}`].join('\n');
}

/** The same of a model that was trained. */
export function trainedText(result: TrainResult, pruned: boolean): string {
  const { explanation, out = '', parameters, bytes, seconds } = result;
  const written = { out, parameters, bytes, seconds };
  const { steps, tokens, losses, tokensPerSecond, peakBytes, processPeakBytes, evaluations, best } = result;
  const [first, last] = [losses[0], losses.at(-1)];
  const course = first === undefined || last === undefined ? '' : `, loss ${first.toFixed(3)} → ${last.toFixed(3)}`;
  return [
    writtenText(pruned ? { ...written, explanation } : written),
    `${steps} steps, ${short(tokens)} tokens${course}, ${figure(tokensPerSecond)} tokens/s, at most ${size(peakBytes)} of memory in the engine, ${size(processPeakBytes)} in the process`,
    ...evaluations.map(
      (evaluation) =>
        `after ${short(evaluation.tokens)} tokens: ${Object.entries(evaluation.scores)
          .map(([name, value]) => `${name} ${figure(value)}`)
          .join(', ')}`,
    ),
    ...(best ? [`the weights are those after ${short(best.tokens)} tokens${best.stopped ? '; training ended before its tokens did' : ''}`] : []),
  ].join('\n');
}
