import type { JSX } from 'preact';
import type { Kept } from './facts.js';

const ROW = 34;
const GAP = 46;
/** Below this many pixels a number does not fit into its layer. */
const NUMBERED_FROM = 20;

/** Which layers stayed, in words: `0, 2–4 and 7`. */
export function rangesOf(indices: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const index of indices) {
    const run = runs.at(-1);
    if (run && run[1] === index - 1) run[1] = index;
    else runs.push([index, index]);
  }
  const words = runs.map(([from, to]) => (from === to ? `${from}` : to === from + 1 ? `${from}, ${to}` : `${from}–${to}`));
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}

/** What happened to the layers, in words. */
export function layersInWords({ total, kept }: Kept): string {
  const dropped = droppedOf({ total, kept });
  return `Of ${total} layers (0 to ${total - 1}), ${kept.length} are kept: ${rangesOf(kept)}. ${dropped.length === 0 ? 'None is dropped.' : `Dropped: ${rangesOf(dropped)}.`}`;
}

/** The model's layers as they were, in a row from input to output, and under it the smaller model that the kept ones make. */
export function LayerPicture({ total, kept, width }: Kept & { readonly width: number }): JSX.Element {
  const cell = Math.min(64, width / Math.max(total, 1));
  const [before, after] = [(width - cell * total) / 2, (width - cell * kept.length) / 2];
  const stays = new Set(kept);
  return (
    <svg xmlns="http://www.w3.org/2000/svg" viewBox={`0 0 ${width} ${2 * ROW + GAP + 2}`} role="img" aria-label={layersInWords({ total, kept })}>
      {kept.map((index, place) => (
        <Thread from={before + (index + 0.5) * cell} to={after + (place + 0.5) * cell} />
      ))}
      {Array.from({ length: total }, (_, index) => (
        <Layer x={before + index * cell} y={1} cell={cell} number={index} look={stays.has(index) ? 'kept' : 'dropped'} />
      ))}
      {kept.map((index, place) => (
        <Layer x={after + place * cell} y={ROW + GAP + 1} cell={cell} number={index} look="kept" />
      ))}
    </svg>
  );
}

function Thread({ from, to }: { readonly from: number; readonly to: number }): JSX.Element {
  const [top, bottom] = [ROW + 1, ROW + GAP + 1];
  const middle = (top + bottom) / 2;
  return <path class="thread" d={`M${pixels(from)} ${top}C${pixels(from)} ${middle} ${pixels(to)} ${middle} ${pixels(to)} ${bottom}`} />;
}

interface LayerPlace {
  readonly x: number;
  readonly y: number;
  readonly cell: number;
  readonly number: number;
  readonly look: 'kept' | 'dropped';
}

function Layer({ x, y, cell, number, look }: LayerPlace): JSX.Element {
  const space = Math.min(4, cell / 5);
  return (
    <g class={`layer ${look}`}>
      <rect x={pixels(x + space / 2)} y={y} width={pixels(cell - space)} height={ROW} rx={Math.min(5, cell / 5)} />
      {cell >= NUMBERED_FROM && (
        <text x={pixels(x + cell / 2)} y={y + ROW / 2} text-anchor="middle" dominant-baseline="central">
          {number}
        </text>
      )}
    </g>
  );
}

function droppedOf({ total, kept }: Kept): number[] {
  const stays = new Set(kept);
  return Array.from({ length: total }, (_, index) => index).filter((index) => !stays.has(index));
}

function pixels(value: number): number {
  return Math.round(value * 10) / 10;
}
