import { BarChart, CustomChart, LineChart, ScatterChart } from 'echarts/charts';
import { GridComponent } from 'echarts/components';
import * as echarts from 'echarts/core';
import type { EChartsCoreOption } from 'echarts/core';
import { LabelLayout } from 'echarts/features';
import { SVGRenderer } from 'echarts/renderers';

/** Colours of the page's style sheet, which change with the theme. */
export const INK = { text: 'var(--ink)', muted: 'var(--muted)', paper: 'var(--paper)', rule: 'var(--rule)' } as const;

export interface Drawing {
  /** Of this drawing alone on its page. */
  readonly id: string;
  readonly width: number;
  readonly height: number;
  /** What somebody hears who does not see it. */
  readonly label: string;
  readonly option: EChartsCoreOption;
}

/** Draws a chart into SVG text that scales with its container, the same text for the same drawing. */
export function draw({ id, width, height, label, option }: Drawing): string {
  echarts.use([LineChart, BarChart, ScatterChart, CustomChart, GridComponent, LabelLayout, SVGRenderer]);
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width, height });
  try {
    chart.setOption({ animation: false, textStyle: { fontFamily: 'inherit' }, ...option });
    return named(chart.renderToSVGString({ useViewBox: true }), id, label);
  } finally {
    // A chart that is not disposed of keeps a timer, and with it the process.
    chart.dispose();
  }
}

/** Takes out what serves hovering only, numbers that count the charts of the process, and gives the picture its name. */
function named(svg: string, id: string, label: string): string {
  return svg
    .replace(/<style\s*>[\s\S]*?<\/style>/g, '')
    .replace(/ (class="zr[^"]*"|pointer-events="visible"|xml:space="preserve"|version="1\.1"|baseProfile="full")/g, '')
    .replace(/\bzr\d+-/g, `${id}-`)
    .replace(
      /^<svg[^>]*?(viewBox="[^"]*")[^>]*>/,
      (_, viewBox: string) => `<svg xmlns="http://www.w3.org/2000/svg" ${viewBox} role="img" aria-label="${attribute(label)}">`,
    )
    .replace(/\n+/g, '\n');
}

function attribute(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/"/g, '&quot;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}
