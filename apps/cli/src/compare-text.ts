import type { ComparedVariant, Comparison } from '@chop/chop';
import { speedText } from './latency-text.js';
import { duration, figure, short, size } from './numbers.js';
import { type Paint, printable } from './paint.js';
import { table } from './table.js';

type Evaluation = NonNullable<ComparedVariant['evaluation']>;

const HEAD = ['', 'layers', 'parameters', 'bytes', 'perplexity', 'mean', 'trained on', 'prune', 'train', 'as fast', 'earned back'];

/** One line per variant, after the model that they were made from. */
export function compareText({ out, base, variants, seconds, files }: Comparison, { bold }: Paint): string {
  const rows = [
    [printable(base.model), ...scores(base.evaluation), '', '', '', '', ''],
    ...variants.map(({ name, evaluation, tokens, pruneSeconds, trainSeconds, speedUps, breakEven }) => [
      printable(name),
      ...scores(evaluation),
      tokens === 0 ? 'nothing' : `${short(tokens)} tokens`,
      pruneSeconds === 0 ? '' : duration(pruneSeconds),
      trainSeconds === 0 ? '' : duration(trainSeconds),
      speedUps ? `${speedUps[0]!.query.median.toFixed(2)} ×` : '',
      breakEven?.words ?? '',
    ]),
  ];
  const used = HEAD.map((_, column) => column === 0 || rows.some((row) => row[column] !== ''));
  const shown = [HEAD, ...rows].map((row) => row.filter((_, column) => used[column]));
  return [
    table(
      shown,
      HEAD.filter((_, column) => used[column]).flatMap((head, column) => (head === '' || head === 'earned back' ? [] : [column])),
    ),
    '',
    ...variants.flatMap(({ name, speedUps = [] }) => speedUps.map((each) => `${printable(name)}: ${speedText(each)}`)),
    `${bold(out)} took ${duration(seconds)}.`,
    ...variants.map(({ model }) => `  model    ${model}`),
    ...files.map((file) => `  file     ${file}`),
  ].join('\n');
}

function scores(evaluation: Evaluation | undefined): string[] {
  if (!evaluation) return ['', '', '', '', ''];
  const { layers, parameters, bytes, perplexity, mean } = evaluation;
  return [String(layers), short(parameters), size(bytes), perplexity ? figure(perplexity.value) : '', mean === undefined ? '' : mean.toFixed(4)];
}
