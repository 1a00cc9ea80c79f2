import type { JSX } from 'preact';
import { drawBars } from './bar-chart.js';
import { Svg } from './drawing.js';
import type { VariantFacts } from './facts.js';
import { MISSING, valueFigure } from './figures.js';
import { type Cell, DataTable } from './table.js';
import { intervalOf, meanAccuracy, percentFigure, scoreFigure, scoreOf, type TaskMeasure, tasksOf } from './tasks.js';

/** What each model scores on each task: a table, and bars with their intervals. */
export function Tasks({ variants }: { readonly variants: readonly VariantFacts[] }): JSX.Element {
  const measures = tasksOf(variants);
  const tested = variants.map((variant, series) => ({ variant, series })).filter(({ variant }) => variant.tasks?.length);
  const mean = meanAccuracy(variants);
  const rows = tested.map(({ variant, series }) => [
    { text: variant.name, series },
    ...(mean.tasks > 1 ? [scoreCell(mean(variant), true)] : []),
    ...measures.map((measure) => scoreCell(scoreOf(variant, measure), measure.isShare)),
  ]);
  const columns = [
    { title: 'Model', words: true },
    ...(mean.tasks > 1 ? [{ title: 'Mean', unit: `of ${mean.tasks}, %` }] : []),
    ...measures.map((measure) => ({ title: measure.name, unit: unitOf(measure) })),
  ];
  return (
    <>
      <DataTable caption="Score ± standard error" label="Scores on tasks" look="scores" columns={columns} rows={rows} />
      <div class="bars">
        {measures.map((measure, index) => (
          <figure>
            <figcaption>
              {measure.name} <small>{[measure.metric, examplesOf(variants, measure), `${measure.better} is better`].join(' · ')}</small>
            </figcaption>
            <Svg text={drawBars(barsOf(measure), variants, `task${index}`)} />
          </figure>
        ))}
      </div>
      <p class="note">
        Whiskers: 95 % intervals, 1.96 standard errors to either side. Whether two models differ is told by pairs of answers, not by whether their whiskers
        overlap.
      </p>
    </>
  );
}

function barsOf(measure: TaskMeasure): Parameters<typeof drawBars>[0] {
  return {
    label: `${measure.name}, ${measure.metric}`,
    of: (variant) => scoreOf(variant, measure)?.value,
    figure: measure.isShare ? percentFigure : valueFigure,
    interval: (variant) => {
      const score = scoreOf(variant, measure);
      return score && intervalOf(score, measure.isShare);
    },
  };
}

function scoreCell(score: { value: number; stderr?: number } | undefined, isShare: boolean): Cell {
  return score ? { text: scoreFigure(score, isShare), value: score.value, stderr: score.stderr } : { text: MISSING };
}

function unitOf({ metric, isShare }: TaskMeasure): string {
  return isShare ? `${metric}, %` : metric;
}

/** How many examples, where all variants saw as many. */
function examplesOf(variants: readonly VariantFacts[], measure: TaskMeasure): string {
  const counts = [...new Set(variants.flatMap((variant) => scoreOf(variant, measure)?.n ?? []))].sort((a, b) => a - b);
  const words = counts.map((count) => count.toLocaleString('en-US'));
  return `${words.length > 1 ? `${words[0]} to ${words.at(-1)}` : words[0]} examples`;
}
