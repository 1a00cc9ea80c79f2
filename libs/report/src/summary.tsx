import type { JSX } from 'preact';
import type { RunFacts, VariantFacts } from './facts.js';
import { isMeasured, MISSING, ratioFigure, shareFigure, valueFigure } from './figures.js';
import { type Measure, measuredIn } from './measure.js';
import { outcomeOf, wonBack } from './outcome.js';

/** What a run comes to, in up to four numbers. */
export function Headline({ facts }: { readonly facts: RunFacts }): JSX.Element | null {
  const outcome = outcomeOf(facts);
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
  const notes = variants.filter(({ note }) => note !== undefined);
  return (
    <>
      <div class="scroll" role="region" aria-label="Summary table" tabIndex={0}>
        <table class="summary">
          <caption>Each model of the run{variants.length > 1 && `; small figures: ratio to ${variants[0]!.name}`}</caption>
          <thead>
            <tr>
              <th scope="col">Measure</th>
              {variants.map(({ name }, index) => (
                <th scope="col">
                  <span class={`swatch series-${(index % 6) + 1}`} aria-hidden="true" />
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {measuredIn(variants).map((measure) => (
              <tr>
                <th scope="row">
                  {measure.label} {measure.unit && <small>{measure.unit}</small>}
                </th>
                {variants.map((variant, index) => (
                  <Cell measure={measure} variant={variant} first={index > 0 ? variants[0] : undefined} />
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {notes.map(({ name, note }) => (
        <p class="note">
          <b>{name}</b>: {note}
        </p>
      ))}
    </>
  );
}

function Cell({
  measure,
  variant,
  first,
}: {
  readonly measure: Measure;
  readonly variant: VariantFacts;
  readonly first: VariantFacts | undefined;
}): JSX.Element {
  const value = measure.of(variant);
  if (!isMeasured(value)) return <td>{MISSING}</td>;
  const ratio = first && ratioFigure(value, measure.of(first));
  return (
    <td>
      {measure.figure(value)}
      {ratio !== undefined && ratio !== MISSING && <small>{ratio}</small>}
    </td>
  );
}
