import type { JSX } from 'preact';
import type { AxisCut, Kept } from './facts.js';
import { rangesOf } from './layers.js';

/** Up to so many positions are drawn one by one; more, in as many bins. */
const POSITIONS = 64;
/** Bins of a long axis where the picture is narrow. */
const NARROW_BINS = 32;
const NARROW_BELOW = 500;
const ROW = 17;
/** Height of the only row of an axis that all layers share. */
const SHARED_ROW = 46;
const NAMES = 58;
const COUNTS = 104;
const WIDEST_CELL = 30;

const TITLES: Readonly<Record<string, string>> = {
  ffn: 'FFN channels',
  head: 'Query heads',
  kv: 'Key/value heads',
  group: 'Query heads of a key/value head',
  inner: 'Size of a head',
  width: 'Hidden size',
  vocab: 'Vocabulary',
};

/** What an axis counts, for people. */
export function axisTitle(axis: string): string {
  return TITLES[axis] ?? axis;
}

/** What is left of one axis in all its layers, in words. */
export function axisInWords(cuts: readonly AxisCut[]): string {
  const counts = cuts.map(({ kept }) => kept.length);
  const totals = [...new Set(cuts.map(({ total }) => total))];
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  const left = least === most ? figure(least) : `${figure(least)} to ${figure(most)}`;
  const of = totals.length === 1 ? `Of ${figure(totals[0]!)}` : `Of ${figure(Math.min(...totals))} to ${figure(Math.max(...totals))}`;
  if (cuts.length > 1) return `${of} in each of ${cuts.length} layers, ${left} are kept.`;
  return `${of}, ${left} are kept${cuts[0]!.total <= POSITIONS ? `: ${rangesOf(cuts[0]!.kept)}` : ''}.`;
}

/** An axis, a row for each layer that has its own: short ones position by position, long ones as a histogram of what is kept along the index. */
export function AxisPicture({ cuts, width }: { readonly cuts: readonly AxisCut[]; readonly width: number }): JSX.Element {
  const row = cuts.length === 1 ? SHARED_ROW : ROW;
  const longest = Math.max(...cuts.map(({ total }) => total));
  const isShort = longest <= POSITIONS;
  const place = { left: cuts.length === 1 ? 1 : NAMES, row, width: width - COUNTS - (cuts.length === 1 ? 1 : NAMES) };
  return (
    <svg
      xmlns="http://www.w3.org/2000/svg"
      viewBox={`0 0 ${width} ${row * cuts.length + 2}`}
      role="img"
      aria-label={`${axisTitle(cuts[0]!.axis)}. ${axisInWords(cuts)}`}
    >
      {cuts.map((cut, index) => (
        <g class="axis" transform={`translate(0 ${index * row + 1})`}>
          {cut.at !== undefined && (
            <text x={NAMES - 10} y={row / 2} text-anchor="end" dominant-baseline="central">
              layer {cut.at}
            </text>
          )}
          {isShort ? <Positions cut={cut} place={place} /> : <Histogram cut={cut} place={place} bins={width < NARROW_BELOW ? NARROW_BINS : POSITIONS} />}
          <text
            x={isShort ? place.left + cellOf(cut, place) * longest + 12 : width}
            y={row / 2}
            text-anchor={isShort ? 'start' : 'end'}
            dominant-baseline="central"
          >
            {figure(cut.kept.length)} of {figure(cut.total)}
          </text>
        </g>
      ))}
    </svg>
  );
}

interface RowPlace {
  readonly left: number;
  readonly width: number;
  readonly row: number;
}

function Positions({ cut: { total, kept }, place: { left, width, row } }: { readonly cut: Kept; readonly place: RowPlace }): JSX.Element {
  const cell = cellOf({ total }, { width });
  const stays = new Set(kept);
  const box = (index: number): string => `M${pixels(left + index * cell + 1)} 2h${pixels(cell - 2)}v${row - 4}h${pixels(2 - cell)}z`;
  const boxes = (keeps: boolean): string => Array.from({ length: total }, (_, index) => (stays.has(index) === keeps ? box(index) : '')).join('');
  return (
    <>
      <path class="gone" d={boxes(false)} />
      <path class="left" d={boxes(true)} />
    </>
  );
}

function cellOf({ total }: Pick<Kept, 'total'>, { width }: Pick<RowPlace, 'width'>): number {
  return Math.min(WIDEST_CELL, width / total);
}

/** How much is kept, bin by bin along the index: a full bin is as high as its row. */
function Histogram({ cut, place: { left, width, row }, bins }: { readonly cut: Kept; readonly place: RowPlace; readonly bins: number }): JSX.Element {
  const base = row - 2;
  const steps = densities(cut, bins).map((share, bin) => `${bin === 0 ? '' : `H${pixels(left + (bin * width) / bins)}`}V${pixels(base - share * (row - 4))}`);
  return (
    <>
      <path class="frame" d={`M${left} ${base}H${left + width}`} />
      <rect class="whole" x={left} y="2" width={width} height={row - 4} />
      <path class="left" d={`M${left} ${base}${steps.join('')}H${left + width}V${base}z`} />
    </>
  );
}

/** The share that is kept in each of `bins` stretches of equal length. */
export function densities({ total, kept }: Kept, bins: number): number[] {
  const counts = new Array<number>(bins).fill(0);
  const sizes = new Array<number>(bins).fill(0);
  const bin = (index: number): number => Math.floor((index * bins) / total);
  for (let index = 0; index < total; index++) sizes[bin(index)]! += 1;
  for (const index of kept) counts[bin(index)]! += 1;
  return counts.map((count, at) => (sizes[at] === 0 ? 0 : count / sizes[at]!));
}

function figure(count: number): string {
  return count.toLocaleString('en-US');
}

function pixels(value: number): number {
  return Math.round(value * 10) / 10;
}
