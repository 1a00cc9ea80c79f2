import type { CustomSeriesRenderItemAPI, CustomSeriesRenderItemParams, CustomSeriesRenderItemReturn } from 'echarts';
import { INK, draw } from './chart.js';
import type { VariantFacts } from './facts.js';
import { isMeasured } from './figures.js';
import type { Measure } from './measure.js';
import { seriesColour } from './series.js';

/** Values this far apart cannot share a linear scale: all but the largest would be slivers. */
const LOGARITHMIC_FROM = 10;
const BAR = 28;
const WIDTH = 384;
/** About what a character takes at 12 pixels. */
const CHARACTER = 6.6;
const LONGEST_NAME = 18;
/** Half the height of a whisker's end. */
const CAP = 4;

/** What bars need of a measure; `interval`: where a value lies, drawn as a whisker. */
export type BarMeasure = Pick<Measure, 'label' | 'of' | 'figure' | 'floor'> & {
  readonly interval?: (variant: VariantFacts) => readonly [low: number, high: number] | undefined;
};

/** Whether a measure's bars are lengths of logarithms: where it has a best value to begin from, and the values are far apart. */
export function isLogarithmic({ of, floor }: Pick<Measure, 'of' | 'floor'>, variants: readonly VariantFacts[]): boolean {
  const values = variants.map(of).filter(isMeasured);
  return floor !== undefined && values.every((value) => value > floor) && Math.max(...values) >= LOGARITHMIC_FROM * Math.min(...values);
}

/** A name as it fits beside a bar or a point. */
export function shortName(name: string): string {
  return name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME - 1)}…` : name;
}

/** One bar per variant, its value written at its end, behind the whisker where there is an interval. */
export function drawBars(measure: BarMeasure, variants: readonly VariantFacts[], id: string): string {
  const { of, figure, floor, interval = () => undefined } = measure;
  const logarithmic = isLogarithmic(measure, variants);
  const names = variants.map(({ name }) => shortName(name));
  const values = variants.map((variant) => of(variant));
  const intervals = variants.map((variant) => interval(variant));
  const ends = values.map((value, index) => intervals[index]?.[1] ?? (isMeasured(value) ? value : (floor ?? 0)));
  const longest = Math.max(...values.map((value) => figure(value).length));
  // A whisker must be seen on its bar.
  const opacity = intervals.some(Boolean) ? 0.6 : 1;
  const start = logarithmic ? floor! : 0;
  return draw({
    id,
    width: WIDTH,
    height: variants.length * BAR + 4,
    label: barsInWords(measure, variants),
    option: {
      grid: { left: 10 + CHARACTER * Math.max(...names.map(({ length }) => length)), right: 16 + CHARACTER * longest, top: 2, bottom: 2 },
      xAxis: { type: logarithmic ? 'log' : 'value', min: start, max: Math.max(...ends), show: false },
      yAxis: {
        type: 'category',
        inverse: true,
        // Two variants may have one name; the category is the place in the row.
        data: names.map((_, index) => String(index)),
        axisLine: { lineStyle: { color: INK.rule } },
        axisTick: { show: false },
        axisLabel: { fontSize: 12, color: INK.muted, formatter: (index: string) => names[Number(index)] ?? '' },
      },
      series: [
        {
          type: 'bar',
          silent: true,
          barWidth: 16,
          data: values.map((value, index) => ({ value: isMeasured(value) ? value : start, itemStyle: { color: seriesColour(index), opacity } })),
        },
        {
          type: 'custom',
          silent: true,
          clip: false,
          z: 3,
          data: ends.map((end, index) => [end, index]),
          renderItem: ({ dataIndex }: CustomSeriesRenderItemParams, api: CustomSeriesRenderItemAPI) =>
            barEnd(api, { row: dataIndex, end: ends[dataIndex]!, text: figure(values[dataIndex]), low: intervals[dataIndex]?.[0] }),
        },
      ],
    },
  });
}

/** The figure at the end of a bar, and the whisker from `low`, if any, to the end. */
function barEnd(
  api: CustomSeriesRenderItemAPI,
  { row, end, text, low }: { row: number; end: number; text: string; low: number | undefined },
): CustomSeriesRenderItemReturn {
  const [right, y] = api.coord([end, row]) as [number, number];
  const label = {
    type: 'text' as const,
    style: { x: right + 6, y, text, fontSize: 12, fontFamily: 'inherit', fill: INK.text, textVerticalAlign: 'middle' as const },
  };
  if (low === undefined) return { type: 'group', children: [label] };
  const [left] = api.coord([low, row]) as [number, number];
  const d = `M${left} ${y}H${right}M${left} ${y - CAP}v${2 * CAP}M${right} ${y - CAP}v${2 * CAP}`;
  return { type: 'group', children: [{ type: 'path', shape: { pathData: d }, style: { fill: 'none', stroke: INK.text, lineWidth: 1.25 } }, label] };
}

function barsInWords({ label, of, figure, interval }: BarMeasure, variants: readonly VariantFacts[]): string {
  const words = variants.map((variant) => {
    const [value, between] = [of(variant), interval?.(variant)];
    const range = between ? ` (${figure(between[0])} to ${figure(between[1])})` : '';
    return `${variant.name} ${isMeasured(value) ? `${figure(value)}${range}` : 'not measured'}`;
  });
  return `${label}: ${words.join(', ')}.`;
}
