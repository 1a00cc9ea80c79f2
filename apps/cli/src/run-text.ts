import type { RunResult } from '@chop/chop';
import { duration, figure, short, size } from './numbers.js';
import { type Paint, printable } from './paint.js';
import { table } from './table.js';

/** A run at its end: the model from measurement to measurement, the files, and how to do the same to another model. */
export function runText(run: RunResult, recipe: string, { bold, dim }: Paint): string {
  const models = [...new Set(run.steps.flatMap(({ written }) => (written ? [written.out] : [])))];
  return [
    ...scores(run),
    ...samples(run, dim),
    `${bold(run.name)} took ${duration(run.seconds)}.`,
    ...(run.report === undefined ? [] : [`  report   ${run.report}`]),
    ...models.map((model) => `  model    ${model}`),
    ...run.files.filter((file) => file !== run.report).map((file) => `  file     ${file}`),
    `The same for a model of yours: copy ${recipe}, name your model and text in it (a folder, a .gguf file or hf:org/name), and type`,
    '  chop run your-recipe.yaml',
  ].join('\n');
}

function scores({ steps }: RunResult): string[] {
  const rows = steps.flatMap(({ evaluation }) => {
    if (!evaluation) return [];
    const { name, layers, parameters, bytes, perplexity, latency } = evaluation;
    return [
      [
        printable(name),
        String(layers),
        short(parameters),
        size(bytes),
        perplexity ? figure(perplexity.value) : '',
        perplexity?.bitsPerByte?.toFixed(3) ?? '',
        latency ? figure(latency.decode.tokensPerSecond) : '',
      ],
    ];
  });
  if (rows.length === 0) return [];
  return [table([['', 'layers', 'parameters', 'bytes', 'perplexity', 'bits/byte', 'tokens/s'], ...rows], [1, 2, 3, 4, 5, 6]), ''];
}

function samples({ steps }: RunResult, dim: Paint['dim']): string[] {
  const lines = steps.flatMap(({ evaluation }) =>
    evaluation?.sample ? [`${printable(evaluation.name)}: ${dim(printable(evaluation.sample.text.replace(/\s+/g, ' ').trim()))}`] : [],
  );
  return lines.length === 0 ? [] : [...lines, ''];
}
