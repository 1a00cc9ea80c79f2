import type { JSX } from 'preact';
import type { RunFacts, VariantFacts } from './facts.js';
import { isMeasured, MISSING, ratioFigure, shareFigure, valueFigure } from './figures.js';
import { costsOf, type Measure, measuredIn, qualityOf } from './measure.js';
import { bestOf, outcomeOf, wonBack } from './outcome.js';
import { type Cell, DataTable, figureCell } from './table.js';

/** The costs that have a word of their own for their best. */
const BEST: Readonly<Record<string, string>> = { Size: 'smallest', 'Decoding speed': 'fastest', 'Time to make': 'quickest to make' };

/** What a comparison comes to: of the models that were made, who is best at what. */
export function Bests({ variants }: { readonly variants: readonly VariantFacts[] }): JSX.Element {
  const made = variants.slice(1);
  const quality = qualityOf(made);
  const tiles = [
    ...(quality ? [{ ...quality, word: `${quality.better === 'higher' ? 'highest' : 'lowest'} ${quality.label.toLowerCase()}` }] : []),
    ...costsOf(made).flatMap((cost) => (BEST[cost.label] === undefined ? [] : [{ ...cost, word: BEST[cost.label]! }])),
  ].flatMap(({ word, ...measure }) => {
    const best = bestOf(measure, made);
    return best ? [{ word, name: best.name, figure: measure.figure(measure.of(best)), unit: /^(%|tokens\/s)/.exec(measure.unit ?? '')?.[0] }] : [];
  });
  return (
    <dl class="headline">
      {tiles.map(({ word, name, figure, unit }) => (
        <div>
          <dt>
            {word}: {name}
          </dt>
          <dd>
            {figure}
            {unit !== undefined && <small> {unit}</small>}
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** What a run comes to, in up to four numbers. */
export function Headline({ run }: { readonly run: RunFacts }): JSX.Element | null {
  const outcome = outcomeOf(run);
  const { before, cut } = outcome;
  const after = outcome.recovered ?? cut;
  if (!before || !after) return null;
  const won = wonBack(outcome);
  const speed =
    isMeasured(after.decodeTokensPerSecond) && isMeasured(before.decodeTokensPerSecond)
      ? after.decodeTokensPerSecond / before.decodeTokensPerSecond
      : undefined;
  const tiles: readonly (readonly [label: string, figure: string, value: number | undefined])[] = [
    ['fewer parameters', shareFigure(1 - after.parameters / before.parameters), 1 - after.parameters / before.parameters],
    ['fewer bytes on disk', shareFigure(1 - after.bytes / before.bytes), 1 - after.bytes / before.bytes],
    ['decoding speed', speed === undefined ? MISSING : `${valueFigure(speed)}×`, speed],
    ["of the cut's damage won back", shareFigure(won), won],
  ];
  return (
    <dl class="headline">
      {tiles
        .filter(([, , value]) => isMeasured(value) && value > 0)
        .map(([label, figure]) => (
          <div>
            <dt>{label}</dt>
            <dd>{figure}</dd>
          </div>
        ))}
    </dl>
  );
}

/** Every measure of every variant, and how many times the first one's it is. */
export function SummaryTable({ variants }: { readonly variants: readonly VariantFacts[] }): JSX.Element {
  const [first] = variants;
  const measures = measuredIn(variants);
  const notes = variants.filter(({ note }) => note !== undefined);
  const rows = variants.map((variant, series) => [
    { text: variant.name, series },
    ...measures.map((measure) => cellOf(measure, variant, series > 0 ? first : undefined)),
  ]);
  return (
    <>
      <DataTable
        caption={`Each model, measured${variants.length > 1 ? `; small figures: ratio to ${first!.name}` : ''}`}
        label="Summary table"
        look="summary"
        columns={[{ title: 'Model', words: true }, ...measures.map(({ label, unit }) => ({ title: label, unit }))]}
        rows={rows}
      />
      {notes.map(({ name, note }) => (
        <p class="note">
          <b>{name}</b>: {note}
        </p>
      ))}
    </>
  );
}

function cellOf({ of, stderr, figure, ratio }: Measure, variant: VariantFacts, first: VariantFacts | undefined): Cell {
  const value = of(variant);
  const times = ratio && first ? ratioFigure(value, of(first)) : MISSING;
  const error = stderr?.(variant);
  return figureCell(value, (shown) => (error === undefined ? figure(shown) : `${figure(shown)} ± ${figure(error)}`), {
    ...(error === undefined ? {} : { stderr: error }),
    ...(times === MISSING ? {} : { small: times }),
  });
}
