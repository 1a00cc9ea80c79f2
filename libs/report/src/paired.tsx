import type { JSX } from 'preact';
import type { Flip, PairedFacts } from './facts.js';
import { isMeasured, MISSING, valueFigure } from './figures.js';
import { type Cell, DataTable } from './table.js';

/** Flipped examples that one comparison shows: enough to see what kind they are, few enough for a page of 2 MB. */
const SHOWN_FLIPS = 40;
/** Flipped examples of all comparisons that are shown without being asked for. */
const OPEN_FLIPS = 8;
/** Characters of a question or an answer that are shown. */
const LONGEST_TEXT = 240;
/** What is smaller is told as smaller. */
const SMALLEST_P = 0.001;

/** Whether the differences between two models are real, and the examples on which they differ. */
export function Comparisons({ comparisons }: { readonly comparisons: readonly PairedFacts[] }): JSX.Element {
  const few = comparisons.reduce((sum, { flips }) => sum + flips.length, 0) <= OPEN_FLIPS;
  return (
    <>
      <DataTable
        caption="The second model's score less the first's, on the same examples; shares of right answers in percentage points"
        label="Paired comparisons"
        look="paired"
        columns={[
          { title: 'Task', words: true },
          { title: 'First', words: true },
          { title: 'Second', words: true },
          { title: 'Difference' },
          { title: 'Interval', unit: confidencesOf(comparisons) },
          { title: 'p', unit: 'McNemar' },
          { title: 'Verdict', words: true },
          { title: 'Only first right' },
          { title: 'Only second right' },
          { title: 'Examples' },
          { title: 'Needed', unit: 'to tell' },
        ]}
        rows={comparisons.map((comparison) => [
          { text: `${comparison.task}, ${comparison.metric}` },
          { text: comparison.first },
          { text: comparison.second },
          { text: signed(comparison.difference, comparison), value: comparison.difference },
          { text: `${signed(comparison.interval[0], comparison)} to ${signed(comparison.interval[1], comparison)}`, value: comparison.interval[0] },
          number(comparison.p, pFigure),
          { text: verdictOf(comparison) },
          number(comparison.onlyFirst, count),
          number(comparison.onlySecond, count),
          number(comparison.n, count),
          number(comparison.examplesNeeded, count),
        ])}
      />
      {comparisons
        .filter(({ flips }) => flips.length > 0)
        .map((comparison) => (
          <Flips comparison={comparison} open={few} />
        ))}
    </>
  );
}

function Flips({ comparison: { task, first, second, flips }, open }: { readonly comparison: PairedFacts; readonly open: boolean }): JSX.Element {
  const shown = flips.slice(0, SHOWN_FLIPS);
  const asked = shown.some(({ question }) => question !== undefined);
  const told = shown.some(({ gold }) => gold !== undefined);
  const caption = `${shown.length < flips.length ? `The first ${shown.length} of ` : ''}${flips.length} example${flips.length === 1 ? '' : 's'} of ${task} that only one of the two has right`;
  return (
    <details class="flips" open={open}>
      <summary>
        {task}: {flips.length} flipped between {first} and {second}
      </summary>
      <DataTable
        caption={caption}
        label={`${caption}: ${first} and ${second}`}
        look="answers"
        columns={[
          { title: 'Example', words: true },
          ...(asked ? [{ title: 'Question', words: true }] : []),
          ...(told
            ? [
                { title: 'Gold', words: true },
                { title: first, words: true },
                { title: second, words: true },
              ]
            : []),
          { title: 'Right', words: true },
        ]}
        rows={shown.map((flip) => [
          { text: String(flip.id) },
          ...(asked ? [words(flip.question ?? '')] : []),
          ...(told ? [words(flip.gold ?? ''), words(flip.first ?? ''), words(flip.second ?? '')] : []),
          { text: rightOf(flip, first, second) },
        ])}
      />
    </details>
  );
}

/** What the interval says of the second model. */
export function verdictOf({ difference, interval: [low, high] }: Pick<PairedFacts, 'difference' | 'interval'>): string {
  if (low > 0) return 'second scores higher';
  if (high < 0) return 'second scores lower';
  return difference === 0 ? 'no difference seen' : 'not told apart';
}

function rightOf({ right }: Flip, first: string, second: string): string {
  return right === 'first' ? first : second;
}

function words(text: string): Cell {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > LONGEST_TEXT ? { text: `${line.slice(0, LONGEST_TEXT - 1)}…`, value: line } : { text: line };
}

function number(value: number | undefined, figure: (value: number) => string): Cell {
  return isMeasured(value) ? { text: figure(value), value } : { text: MISSING };
}

/** A difference with its sign: of right answers in percentage points, else in the metric's own unit. */
function signed(value: number, { onlyFirst }: PairedFacts): string {
  if (!isMeasured(value)) return MISSING;
  const size = onlyFirst === undefined ? valueFigure(Math.abs(value)) : (100 * Math.abs(value)).toFixed(1);
  return `${Number(size) === 0 ? '' : value > 0 ? '+' : '−'}${size}`;
}

function pFigure(p: number): string {
  return p < SMALLEST_P ? `< ${SMALLEST_P}` : p.toPrecision(2);
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}

function confidencesOf(comparisons: readonly PairedFacts[]): string {
  return [...new Set(comparisons.map(({ confidence }) => `${Math.round(100 * confidence)} %`))].join(', ');
}
