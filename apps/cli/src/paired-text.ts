import type { EvalResult } from '@chop/chop';

type Compared = NonNullable<EvalResult['paired']>[string][string];

/** Whether a model's scores differ from those of its base, a line for each task and metric. */
export function pairedRows(paired: NonNullable<EvalResult['paired']>): string[][] {
  return Object.entries(paired).flatMap(([task, metrics]) =>
    Object.entries(metrics).map(([metric, compared]) => [`${task} ${metric} less base`, signed(compared.difference), pairedText(compared)]),
  );
}

function pairedText({ interval: { low, high, confidence }, flips, examples, examplesNeeded }: Compared): string {
  const parts = [`${100 * confidence} %: ${signed(low)} to ${signed(high)}`];
  if (flips)
    parts.push(`${flips.gained.length} gained, ${flips.lost.length} lost, p ${flips.midP < 0.0005 ? '< 0.001' : flips.midP.toFixed(3)} (McNemar, mid-p)`);
  if (examplesNeeded !== undefined && examplesNeeded > examples)
    parts.push(`${examplesNeeded.toLocaleString('en-US')} examples would tell a difference of this size, there are ${examples.toLocaleString('en-US')}`);
  return parts.join('; ');
}

function signed(value: number): string {
  return `${value > 0 ? '+' : value < 0 ? '−' : '±'}${Math.abs(value).toFixed(4)}`;
}
