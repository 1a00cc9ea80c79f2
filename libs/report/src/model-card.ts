import type { ReportFacts, VariantFacts } from './facts.js';
import { bytesFigure, isMeasured } from './figures.js';
import { measuredIn } from './measure.js';
import { tableText } from './table-script.js';
import { scoreFigure, scoreOf, tasksOf } from './tasks.js';

/** A section for a model card, in Markdown: what was measured, and where. */
export function renderModelCard({ runs }: ReportFacts): string {
  const variants = runs.flatMap((run) => run.variants);
  const tasks = tasksOf(variants);
  return [
    '## Evaluation',
    '',
    summary(variants),
    ...(tasks.length > 0 ? ['Scores on tasks ± standard error; shares of right answers in per cent.', '', scores(variants)] : []),
    '### How it was measured',
    '',
    ...runs.flatMap((run) => {
      const { name, model, machine, seeds, versions } = run;
      const place = machine
        ? `${machine.cpu}, ${machine.cores} cores, ${machine.threads} threads, ${bytesFigure(machine.memoryBytes)}; engine ${machine.engine}, Node.js ${machine.node}, ${machine.platform}`
        : 'a machine that was not recorded';
      const seed = Object.values(seeds).map((value) => `, seed ${value}`);
      const packages = Object.entries(versions).map(([of, version]) => `${of} ${version}`);
      return [`- \`${name}\` from \`${model}\`${seed.join('')}, on ${place}.${packages.length > 0 ? ` Packages: ${packages.join(', ')}.` : ''}`];
    }),
    '',
    ...runs.flatMap(({ name, recipe }) => [
      '<details>',
      `<summary>Recipe of ${name.replace(/[&<>]/g, (sign) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[sign]!)}</summary>`,
      '',
      ...fenced(recipe),
      '',
      '</details>',
      '',
    ]),
  ].join('\n');
}

function summary(variants: readonly VariantFacts[]): string {
  const measures = measuredIn(variants);
  const head = measures.map(({ label, unit }) => (unit === undefined ? label : `${label}, ${unit}`));
  const rows = variants.map((variant) => [
    variant.name,
    ...measures.map(({ of, figure, stderr }) => {
      const error = stderr?.(variant);
      return isMeasured(error) ? `${figure(of(variant))} ± ${figure(error)}` : figure(of(variant));
    }),
  ]);
  return markdown([['Model', ...head], ...rows]);
}

function scores(variants: readonly VariantFacts[]): string {
  const measures = tasksOf(variants);
  const rows = variants
    .filter(({ tasks }) => tasks?.length)
    .map((variant) => [
      variant.name,
      ...measures.map((measure) => {
        const score = scoreOf(variant, measure);
        return score ? scoreFigure(score, measure.isShare) : '–';
      }),
    ]);
  return markdown([['Model', ...measures.map(({ name, metric }) => `${name}, ${metric}`)], ...rows]);
}

function markdown(rows: readonly (readonly string[])[]): string {
  return tableText(
    rows,
    rows[0]!.map((_, column) => column === 0),
    'Markdown',
  );
}

/** A fence longer than any in the text. */
function fenced(text: string): string[] {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = '`'.repeat(longest + 1);
  return [`${fence}yaml`, text.trimEnd(), fence];
}
