import { INK, draw, seriesColour } from './chart.js';
import type { VariantFacts } from './facts.js';
import { isMeasured } from './figures.js';
import type { Measure } from './measure.js';

/** Values this far apart cannot share a linear scale: all but the largest would be slivers. */
const LOGARITHMIC_FROM = 10;
const BAR = 28;
const WIDTH = 384;
/** About what a character takes at 12 pixels. */
const CHARACTER = 6.6;
const LONGEST_NAME = 14;

/** Whether a measure's bars are lengths of logarithms: where it has a best value to begin from, and the values are far apart. */
export function isLogarithmic({ of, floor }: Measure, variants: readonly VariantFacts[]): boolean {
  const values = variants.map(of).filter(isMeasured);
  return floor !== undefined && values.every((value) => value > floor) && Math.max(...values) >= LOGARITHMIC_FROM * Math.min(...values);
}

/** One bar per variant, its value written at its end. */
export function drawBars(measure: Measure, variants: readonly VariantFacts[], id: string): string {
  const { of, figure } = measure;
  const logarithmic = isLogarithmic(measure, variants);
  const names = variants.map(({ name }) => (name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME - 1)}…` : name));
  const values = variants.map((variant) => of(variant));
  const longest = Math.max(...values.map((value) => figure(value).length));
  const label = `${measure.label}: ${variants.map(({ name }, index) => `${name} ${isMeasured(values[index]) ? figure(values[index]) : 'not measured'}`).join(', ')}.`;
  const font = { fontSize: 12, color: INK.text };
  return draw({
    id,
    width: WIDTH,
    height: variants.length * BAR + 4,
    label,
    option: {
      grid: { left: 10 + CHARACTER * Math.max(...names.map(({ length }) => length)), right: 12 + CHARACTER * longest, top: 2, bottom: 2 },
      xAxis: { type: logarithmic ? 'log' : 'value', min: logarithmic ? measure.floor : 0, max: Math.max(...values.filter(isMeasured)), show: false },
      yAxis: {
        type: 'category',
        inverse: true,
        // Two variants may have one name; the category is the place in the row.
        data: names.map((_, index) => String(index)),
        axisLine: { lineStyle: { color: INK.rule } },
        axisTick: { show: false },
        axisLabel: { ...font, color: INK.muted, formatter: (index: string) => names[Number(index)] ?? '' },
      },
      series: [
        {
          type: 'bar',
          silent: true,
          barWidth: 16,
          data: values.map((value, index) => ({
            value: isMeasured(value) ? value : logarithmic ? measure.floor : 0,
            itemStyle: { color: seriesColour(index) },
            label: { formatter: () => figure(value) },
          })),
          label: { show: true, position: 'right', ...font },
        },
      ],
    },
  });
}
