import { INK, draw } from './chart.js';
import type { BestFacts, EvaluationPoint, RunFacts } from './facts.js';
import { countFigure, isMeasured, valueFigure } from './figures.js';
import { seriesColour } from './series.js';

/** A run whose last step is this many times its first reads better on a logarithmic axis: its early, steep part would be a vertical line. */
const LOGARITHMIC_FROM = 1000;
/** Points of a drawn line: about one a pixel. */
const DRAWN_POINTS = 600;
/** A curve with more steps than this is noisy enough to want a running mean. */
const SMOOTHED_FROM = 40;
/** More evaluations than this would be a row of dots that touch. */
const DOTTED_UNTIL = 40;
/** Pixels between two panels: room for the lower one's name. */
const BETWEEN = 54;
/** The running mean's share of the curve. */
const SMOOTHED_SHARE = 1 / 20;

type Place = readonly [tokens: number, value: number];
interface Line {
  readonly name: string;
  readonly places: readonly Place[];
  /** Number of its colour. */
  readonly series: number;
}

/** Loss over tokens, and under it a panel for each score that was measured on the way, all on one axis: a line for each run. */
export interface Training {
  readonly curves: readonly Line[];
  readonly scores: readonly { readonly name: string; readonly lines: readonly Line[] }[];
  /** Which weights were kept, a sentence for each run that watched a score. */
  readonly kept: readonly string[];
}

/** What can be drawn of the runs' training; undefined where there was none. */
export function trainingOf(runs: readonly Pick<RunFacts, 'name' | 'curves' | 'evaluations' | 'variants' | 'best'>[]): Training | undefined {
  const colours = coloursOf(runs);
  const curves = runs.flatMap((run, at) =>
    run.curves
      .map(({ name, points }) => ({ name, places: places(points.map(({ tokens, loss }) => [tokens, loss] as const)) }))
      .filter((line) => line.places.length > 0)
      .map((line, index, lines) => ({ ...line, name: nameOf(run.name, line.name, runs.length, lines.length), series: colours[at]! + index })),
  );
  const scores = new Map<string, Line[]>();
  for (const [at, run] of runs.entries())
    for (const [name, points] of grouped(run.evaluations)) {
      const line = places(points.map(({ tokens, value }) => [tokens, value] as const));
      const series = colours[at]!;
      if (line.length > 0) scores.set(name, [...(scores.get(name) ?? []), { name: runs.length > 1 ? `${run.name}, ${name}` : name, places: line, series }]);
    }
  const kept = runs.flatMap(({ name, best }) => (best ? [keptInWords(runs.length > 1 ? name : 'Training', best)] : []));
  return curves.length + scores.size === 0 ? undefined : { curves, scores: [...scores].map(([name, lines]) => ({ name, lines })), kept };
}

/** A curve of one run by its own name, of several by the run's. */
function nameOf(run: string, curve: string, runs: number, curves: number): string {
  if (runs === 1) return curve;
  return curves === 1 ? run : `${run}, ${curve}`;
}

/** Of one run, the colour of what training makes of the cut model; of several, that of each one's last model. */
function coloursOf(runs: readonly Pick<RunFacts, 'variants'>[]): number[] {
  if (runs.length === 1) return [2];
  let models = 0;
  return runs.map(({ variants }) => Math.max(0, (models += variants.length) - 1));
}

function keptInWords(name: string, { tokens, score, stopped }: BestFacts): string {
  return `${name} keeps the weights after ${countFigure(tokens)} tokens, with the best ${score}${stopped ? '; it ended early, since nothing better came' : ''}.`;
}

/** Training in words. */
export function trainingInWords({ curves, scores }: Training): string {
  return [...curves, ...scores.flatMap(({ lines }) => lines)]
    .map(({ name, places }) => {
      const [first, last] = [places[0]!, places.at(-1)!];
      if (places.length === 1) return `${sentenceCase(name)}: ${valueFigure(first[1])} after ${countFigure(first[0])} tokens.`;
      return `${sentenceCase(name)}: from ${valueFigure(first[1])} after ${countFigure(first[0])} tokens to ${valueFigure(last[1])} after ${countFigure(last[0])}.`;
    })
    .join(' ');
}

/** How wide the running mean of a curve is in steps; 1 where none is drawn. */
export function smoothingSteps(steps: number): number {
  return steps < SMOOTHED_FROM ? 1 : Math.max(5, Math.round(steps * SMOOTHED_SHARE));
}

/** Draws the panels at a width in pixels. */
export function drawTraining(training: Training, id: string, width: number): string {
  const panels = [...(training.curves.length > 0 ? [training.curves] : []), ...training.scores.map(({ lines }) => lines)];
  const titles = [...(training.curves.length > 0 ? ['loss, nats per token'] : []), ...training.scores.map(({ name }) => name)];
  const heights = panels.map((lines) => (lines === training.curves ? 230 : 110));
  const tops = heights.map((_, index) => 30 + heights.slice(0, index).reduce((sum, height) => sum + height + BETWEEN, 0));
  const all = panels.flat().flatMap(({ places }) => places.map(([tokens]) => tokens));
  const [from, to] = all.reduce(([low, high], tokens) => [Math.min(low, tokens), Math.max(high, tokens)], [Infinity, 0]);
  const logarithmic = from > 0 && to / from >= LOGARITHMIC_FROM;
  const last = panels.length - 1;
  // The noise of several runs one over the other would hide their means.
  const thickness = training.curves.length > 1 ? { raw: 0.18, mean: 1.75 } : { raw: 0.4, mean: 2 };
  const font = { fontSize: 12, color: INK.muted };
  return draw({
    id,
    width,
    height: tops.at(-1)! + heights.at(-1)! + 52,
    label: trainingInWords(training),
    option: {
      grid: panels.map((_, index) => ({ left: 48, right: 22, top: tops[index], height: heights[index] })),
      xAxis: panels.map((_, index) => ({
        gridIndex: index,
        type: logarithmic ? 'log' : 'value',
        min: logarithmic ? 10 ** Math.floor(Math.log10(from)) : 0,
        max: to,
        splitNumber: width < 500 ? 3 : 6,
        axisLine: { show: true, onZero: false, lineStyle: { color: INK.rule } },
        axisTick: { show: false },
        splitLine: { show: false },
        axisLabel: { ...font, show: index === last, hideOverlap: true, formatter: (tokens: number) => countFigure(tokens), showMaxLabel: false },
        ...(index === last ? { name: logarithmic ? 'tokens, logarithmic' : 'tokens', nameLocation: 'middle', nameGap: 30, nameTextStyle: font } : {}),
      })),
      yAxis: panels.map((lines, index) => ({
        gridIndex: index,
        type: 'value',
        scale: true,
        splitNumber: lines === training.curves ? 4 : 2,
        name: titles[index],
        nameLocation: 'end',
        nameGap: 10,
        nameTextStyle: { ...font, align: 'left', padding: [0, 0, 0, -40] },
        axisLabel: { ...font, formatter: tick },
        axisLine: { show: false },
        axisTick: { show: false },
        splitLine: { lineStyle: { color: INK.rule } },
      })),
      series: panels.flatMap((lines, index) =>
        lines.flatMap((line) =>
          lines === training.curves ? lossLines(line, index, logarithmic, thickness) : [scoreLine(line, index, logarithmic, lines.length)],
        ),
      ),
    },
  });
}

function lossLines({ places, series }: Line, panel: number, logarithmic: boolean, { raw: opacity, mean: width }: { raw: number; mean: number }): object[] {
  const steps = smoothingSteps(places.length);
  const line = { type: 'line', xAxisIndex: panel, yAxisIndex: panel, silent: true, showSymbol: places.length === 1 };
  const color = seriesColour(series);
  const raw = {
    ...line,
    data: thinned(places, logarithmic),
    lineStyle: { color, width: steps > 1 ? 1 : 2, opacity: steps > 1 ? opacity : 1 },
    itemStyle: { color },
  };
  return steps > 1 ? [raw, { ...line, data: thinned(runningMean(places, steps), logarithmic), lineStyle: { color, width } }] : [raw];
}

function scoreLine({ places, series }: Line, panel: number, logarithmic: boolean, beside: number): object {
  const color = seriesColour(series);
  const data = thinned(places, logarithmic);
  const label = { position: 'top', distance: 6, fontSize: 12, color: INK.text };
  return {
    type: 'line',
    xAxisIndex: panel,
    yAxisIndex: panel,
    silent: true,
    data: data.map((value, index) =>
      (beside === 1 && index === 0) || index === data.length - 1
        ? { value, label: { ...label, show: true, formatter: () => valueFigure(value[1]) } }
        : { value },
    ),
    symbol: 'circle',
    symbolSize: 7,
    showSymbol: places.length <= DOTTED_UNTIL,
    lineStyle: { color, width: 1.5 },
    itemStyle: { color },
    clip: false,
  };
}

/** The mean of each place and its neighbours, `steps` in all; fewer near the start, where the loss falls too steeply to be averaged. */
function runningMean(places: readonly Place[], steps: number): Place[] {
  const sums = [0];
  for (const [, value] of places) sums.push(sums.at(-1)! + value);
  return places.map(([tokens], index) => {
    const half = Math.min(Math.floor(steps / 2), Math.floor(index / 4));
    const [from, to] = [index - half, Math.min(index + half + 1, places.length)];
    return [tokens, (sums[to]! - sums[from]!) / (to - from)];
  });
}

/** Of every stretch of a long line, as wide as two points are drawn, its lowest and its highest place: no spike is lost. */
function thinned(line: readonly Place[], logarithmic: boolean): readonly Place[] {
  if (line.length <= DRAWN_POINTS) return line;
  const across = ([tokens]: Place): number => (logarithmic ? Math.log(tokens) : tokens);
  const [start, end] = [across(line[0]!), across(line.at(-1)!)];
  const stretches = new Map<number, [low: Place, high: Place]>();
  for (const place of line) {
    const stretch = Math.floor((((across(place) - start) / (end - start)) * DRAWN_POINTS) / 2);
    const [low, high] = stretches.get(stretch) ?? [place, place];
    stretches.set(stretch, [place[1] < low[1] ? place : low, place[1] > high[1] ? place : high]);
  }
  return [...stretches.values()].flatMap(([low, high]) => (low === high ? [low] : low[0] <= high[0] ? [low, high] : [high, low]));
}

function places(pairs: readonly Place[]): Place[] {
  return pairs.filter(([tokens, value]) => isMeasured(tokens) && isMeasured(value)).map((pair) => pair);
}

function grouped(evaluations: readonly EvaluationPoint[]): Map<string, EvaluationPoint[]> {
  const groups = new Map<string, EvaluationPoint[]>();
  for (const point of evaluations) groups.set(point.name, [...(groups.get(point.name) ?? []), point]);
  return groups;
}

/** A round number as short as it is. */
function tick(value: number): string {
  return Number(value.toPrecision(6)).toLocaleString('en-US', { maximumFractionDigits: 6 });
}

function sentenceCase(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
