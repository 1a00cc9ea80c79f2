import { shortName } from './bar-chart.js';
import { draw, INK } from './chart.js';
import type { VariantFacts } from './facts.js';
import { isMeasured } from './figures.js';
import type { Measure } from './measure.js';
import { frontCorners, paretoFront, type Placed } from './pareto.js';
import { seriesColour } from './series.js';

const WIDTH = 430;
const HEIGHT = 290;
/** Room between the outermost models and the frame, as a share of their spread. */
const MARGIN = 0.09;
/** Costs this many times apart are read better as ratios, where none is zero. */
const LOGARITHMIC_FROM = 30;

/** A variant that has both measures. */
interface Point extends Placed {
  readonly index: number;
  readonly variant: VariantFacts;
}

/** Quality against one cost: who is where, and who is not beaten. */
export interface Tradeoff {
  readonly cost: Measure;
  readonly quality: Measure;
  readonly points: readonly Point[];
  readonly front: readonly Point[];
}

/** A measure of quality against a cost, of the variants that have both. */
export function tradeoffOf(variants: readonly VariantFacts[], cost: Measure, quality: Measure): Tradeoff {
  const points = variants.flatMap((variant, index) => {
    const [x, y] = [cost.of(variant), quality.of(variant)];
    return isMeasured(x) && isMeasured(y) ? [{ x, y, index, variant }] : [];
  });
  return { cost, quality, points, front: paretoFront(points, { x: cost.better, y: quality.better }) };
}

/** Where the best would be: `upper left`. */
export function bestCorner({ cost, quality }: Tradeoff): string {
  return `${quality.better === 'higher' ? 'upper' : 'lower'} ${cost.better === 'higher' ? 'right' : 'left'}`;
}

/** A trade-off in words. */
export function tradeoffInWords({ cost, quality, points, front }: Tradeoff): string {
  const words = points.map(({ variant, x, y }) => `${variant.name} ${quality.figure(y)} at ${cost.figure(x)}`);
  return `${quality.label} against ${lowered(cost.label)}: ${words.join(', ')}. Not beaten by any other: ${front.map(({ variant }) => variant.name).join(', ')}.`;
}

/** Draws the variants as points, those of the Pareto front filled, and the border of what they reach. */
export function drawTradeoff(tradeoff: Tradeoff, id: string): string {
  const { cost, quality, points, front } = tradeoff;
  const font = { fontSize: 12, color: INK.muted };
  const best = new Set(front.map(({ index }) => index));
  const axis = { axisLine: { onZero: false, lineStyle: { color: INK.rule } }, axisTick: { show: false }, splitLine: { lineStyle: { color: INK.rule } } };
  const [across, up] = [
    scaleOf(
      points.map(({ x }) => x),
      'x',
      cost,
    ),
    scaleOf(
      points.map(({ y }) => y),
      'y',
      quality,
    ),
  ];
  const corners = frontCorners(front, { x: cost.better }).map(({ x, y }) => [x, y]);
  return draw({
    id,
    width: WIDTH,
    height: HEIGHT,
    label: tradeoffInWords(tradeoff),
    option: {
      grid: { left: 52, right: 20, top: 30, bottom: 46 },
      xAxis: {
        ...axis,
        ...across,
        splitNumber: 4,
        name: lowered(axisName(cost, across)),
        nameLocation: 'middle',
        nameGap: 28,
        nameTextStyle: font,
        axisLabel: { ...font, hideOverlap: true, formatter: (value: number) => tick(cost.figure(value)), showMinLabel: false, showMaxLabel: false },
      },
      yAxis: {
        ...axis,
        ...up,
        splitNumber: 4,
        name: axisName(quality, up),
        nameLocation: 'end',
        nameGap: 12,
        nameTextStyle: { ...font, align: 'left', padding: [0, 0, 0, -44] },
        axisLabel: { ...font, formatter: (value: number) => tick(quality.figure(value)), showMinLabel: false, showMaxLabel: false },
      },
      series: [
        { type: 'line', silent: true, data: corners, showSymbol: false, lineStyle: { color: INK.muted, width: 1.25, type: 'dashed' }, z: 1 },
        {
          type: 'scatter',
          silent: true,
          symbolSize: 11,
          clip: false,
          data: points.map(({ x, y, index, variant }) => ({
            value: [x, y],
            itemStyle: { color: best.has(index) ? seriesColour(index) : INK.paper, borderColor: seriesColour(index), borderWidth: 2, opacity: 1 },
            label: { formatter: () => shortName(variant.name), position: across.right(x) ? 'left' : 'right' },
          })),
          label: { show: true, distance: 7, fontSize: 12, color: INK.text, textBorderColor: INK.paper, textBorderWidth: 3 },
          // The key beneath names them all.
          labelLayout: { hideOverlap: true, moveOverlap: 'shiftY' },
        },
      ],
    },
  });
}

interface Scale {
  readonly type: 'log' | 'value';
  readonly min: number;
  readonly max: number;
  /** Whether a value stands in the right half. */
  readonly right: (value: number) => boolean;
}

/** From a little below the least to a little above the greatest. */
function scaleOf(values: readonly number[], along: 'x' | 'y', { floor }: Measure): Scale {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const isLog = low > 0 && (along === 'x' ? high >= LOGARITHMIC_FROM * low : floor !== undefined && high >= 10 * low);
  const [to, from] = isLog ? [Math.log, Math.exp] : [(value: number) => value, (value: number) => value];
  const spread = to(high) - to(low) || Math.abs(to(high)) || 1;
  return {
    type: isLog ? 'log' : 'value',
    min: from(to(low) - MARGIN * spread),
    max: from(to(high) + MARGIN * spread),
    right: (value) => to(value) > (to(low) + to(high)) / 2,
  };
}

function axisName({ label, unit }: Measure, { type }: Scale): string {
  return [label, ...(unit === undefined ? [] : [unit]), ...(type === 'log' ? ['logarithmic'] : [])].join(', ');
}

/** A round figure without its zeros: `50 min` and not `50 min 0 s`. */
function tick(figure: string): string {
  return figure.replace(/ 0 (s|min)$/, '').replace(/\.0+(?!\d)/, '');
}

function lowered(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}
