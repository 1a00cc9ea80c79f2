import type { TrainResult, Verified, WrittenResult } from '@chop/chop';
import { refusalsText } from './loaders-text.js';
import { duration, figure, short, size } from './numbers.js';
import { printable } from './paint.js';

/** A model that was written. */
export function writtenText({
  out,
  parameters,
  bytes,
  seconds,
  verify,
  loaders = [],
  explanation,
}: Omit<WrittenResult, 'files'> & { readonly explanation?: string }): string {
  const what = explanation === undefined ? [] : [printable(explanation)];
  return [
    ...what,
    `${out}  ${short(parameters)} parameters, ${size(bytes)}, in ${duration(seconds)}`,
    ...(verify ? [verifiedText(verify)] : []),
    ...refusalsText(loaders),
  ].join('\n');
}

/** What opened the model again, and what came of it. */
function verifiedText(verify: Verified): string {
  if ('skipped' in verify) return `not verified: ${printable(verify.skipped)}`;
  const { runtime, version, compared, maxDifference, tolerance, divergence, divergenceTolerance } = verify;
  if (compared === 'bytes') return `verified by ${runtime} ${version}: the same bytes`;
  const within = (found: number, allowed: number, unit = ''): string => `within ${found.toPrecision(2)}${unit} (allowed ${allowed.toPrecision(2)})`;
  const tokens = divergence === undefined ? '' : `, next tokens ${within(divergence, divergenceTolerance!, ' nats')}`;
  return `verified by ${runtime} ${printable(version)}: logits ${within(maxDifference, tolerance)}${tokens}`;
}

/** The same of a model that was trained. */
export function trainedText(result: TrainResult, pruned: boolean): string {
  const { explanation, out = '', parameters, bytes, seconds, verify } = result;
  const written = { out, parameters, bytes, seconds, ...(verify ? { verify } : {}) };
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
