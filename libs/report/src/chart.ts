import { LineChart, ScatterChart } from 'echarts/charts';
import { GridComponent, LegendComponent } from 'echarts/components';
import { init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import type { RunFacts } from './facts.js';

/** Colours that the page's variables replace, so that a chart follows the theme. */
const INK = '#010203';
const GRID = '#010204';
const LINE = '#010205';
const MARK = '#010206';
const VARIABLES: Readonly<Record<string, string>> = { [INK]: 'var(--muted)', [GRID]: 'var(--rule)', [LINE]: 'var(--accent)', [MARK]: 'var(--mark)' };

const WIDTH = 760;
const HEIGHT = 300;

/** The loss over tokens, and the perplexities that were measured on the way (as a loss: its logarithm), as SVG; nothing when there is no curve. */
export function lossChart({ curves, evaluations }: RunFacts): string | undefined {
  if (curves.every(({ points }) => points.length < 2)) return undefined;
  use([LineChart, ScatterChart, GridComponent, LegendComponent, SVGRenderer]);
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height: HEIGHT });
  const measured = evaluations.filter(({ name, value }) => name === 'perplexity' && value > 0);
  chart.setOption({
    animation: false,
    textStyle: { fontFamily: 'inherit', color: INK },
    grid: { left: 56, right: 24, top: 40, bottom: 44 },
    legend: { top: 0, textStyle: { color: INK } },
    xAxis: { type: 'value', name: 'tokens', nameLocation: 'middle', nameGap: 28, axisLine: { lineStyle: { color: GRID } }, axisLabel: { color: INK, formatter: short }, splitLine: { show: false }, nameTextStyle: { color: INK } },
    yAxis: { type: 'value', scale: true, name: 'loss', axisLabel: { color: INK }, splitLine: { lineStyle: { color: GRID } }, nameTextStyle: { color: INK } },
    series: [
      ...curves.map(({ name, points }) => ({ name, type: 'line', showSymbol: false, lineStyle: { width: 2, color: LINE }, itemStyle: { color: LINE }, data: points.map(({ tokens, loss }) => [tokens, loss]) })),
      ...(measured.length > 0 ? [{ name: 'held-out loss', type: 'scatter', symbolSize: 9, itemStyle: { color: MARK }, data: measured.map(({ tokens, value }) => [tokens, Math.log(value)]) }] : []),
    ],
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return Object.entries(VARIABLES)
    .reduce((text, [color, variable]) => text.replaceAll(color, variable).replaceAll(rgb(color), variable), svg)
    .replace('<svg ', '<svg aria-hidden="true" focusable="false" ')
    .replace(/width="\d+" height="\d+"/, `viewBox="0 0 ${WIDTH} ${HEIGHT}" width="100%"`);
}

function short(tokens: number): string {
  if (tokens >= 1e6) return `${tokens / 1e6} M`;
  return tokens >= 1000 ? `${tokens / 1000} k` : String(tokens);
}

function rgb(hex: string): string {
  const [red, green, blue] = [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
  return `rgb(${red},${green},${blue})`;
}
