import type { EvalResult } from '@chop/chop';
import { latencyRows } from './latency-text.js';
import { figure, short, size } from './numbers.js';
import { pairedRows } from './paired-text.js';
import { printable } from './paint.js';
import { table } from './table.js';

/** What a model scored, one line per number. */
export function scoresText({ model, parameters, bytes, engine, perplexity, latency, paired, ...scored }: EvalResult): string {
  const rows: string[][] = [];
  if (perplexity) {
    const { value, tokens, windows, bitsPerByte } = perplexity;
    rows.push(['perplexity', figure(value), `${tokens.toLocaleString('en-US')} tokens in ${windows} windows`]);
    if (bitsPerByte !== undefined) rows.push(['bits per byte', bitsPerByte.toFixed(4), '']);
  }
  rows.push(...taskRows(scored));
  if (paired) rows.push(...pairedRows(paired));
  if (latency) rows.push(...latencyRows(latency));
  return [`${printable(model)}  ${short(parameters)} parameters, ${size(bytes)}, on ${engine}`, table(rows, [1])].join('\n');
}

/** A line for each metric of a task or a group; what a filter made is told apart. */
function taskRows({ tasks = {}, groups = {}, mean, firstTokens = {}, samplesFile, taskSeconds, requests, fromCache = 0 }: Partial<EvalResult>): string[][] {
  const rows = [...Object.entries(tasks), ...Object.entries(groups)].flatMap(([name, { n, ...scores }]) =>
    Object.entries(scores).flatMap(([metric, value]) => {
      if (metric.includes('_stderr')) return [];
      const error = scores[metric.replace(/^[^,]+/, '$&_stderr')];
      return [[`${name} ${metric}`, value.toFixed(4), `${error === undefined ? '' : `± ${error.toFixed(4)}, `}${n} examples`]];
    }),
  );
  if (mean !== undefined) rows.push(['mean', mean.toFixed(4), 'of the accuracies that the tasks are known by']);
  for (const [task, ids] of Object.entries(firstTokens)) rows.push([`${task} begins`, '', `with the tokens ${ids.join(' ')}`]);
  if (samplesFile !== undefined) rows.push(['samples', '', printable(samplesFile)]);
  if (fromCache > 0) rows.push(['answers', short(requests!), `${fromCache === requests ? 'all' : short(fromCache)} of them from the cache`]);
  if (taskSeconds !== undefined) rows.push(['tasks took', `${taskSeconds.toFixed(1)} s`, '']);
  return rows;
}
