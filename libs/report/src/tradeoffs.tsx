import type { JSX } from 'preact';
import { Svg } from './drawing.js';
import type { VariantFacts } from './facts.js';
import { costsOf, qualityOf } from './measure.js';
import { bestCorner, drawTradeoff, type Tradeoff, tradeoffOf } from './scatter-chart.js';
import { Key } from './series.js';

/** Three points make a shape; of two the summary tells as much. */
const FEWEST = 3;

/** Quality against every cost that tells models apart. */
export function tradeoffsOf(variants: readonly VariantFacts[]): Tradeoff[] {
  const quality = qualityOf(variants);
  if (!quality) return [];
  return costsOf(variants)
    .map((cost) => tradeoffOf(variants, cost, quality))
    .filter(({ points }) => points.length >= FEWEST);
}

/** The trade-offs as charts, with a key of the models. */
export function Tradeoffs({ tradeoffs, variants }: { readonly tradeoffs: readonly Tradeoff[]; readonly variants: readonly VariantFacts[] }): JSX.Element {
  const drawn = new Set(tradeoffs.flatMap(({ points }) => points.map(({ index }) => index)));
  return (
    <>
      <div class="tradeoffs">
        {tradeoffs.map((tradeoff, index) => (
          <figure>
            <Svg text={drawTradeoff(tradeoff, `tradeoff${index}`)} />
            <figcaption>Better: {bestCorner(tradeoff)}.</figcaption>
          </figure>
        ))}
      </div>
      <p class="note">
        <Key names={variants.map(({ name }, series) => ({ name, series })).filter(({ series }) => drawn.has(series))} />
        Filled: on the Pareto front, which no other model beats in both. Dashed: the border of what the front reaches.
      </p>
    </>
  );
}
