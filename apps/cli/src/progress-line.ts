import type { Progress } from '@chop/chop';
import { clock, short } from './numbers.js';

const BAR_CELLS = 24;
/** A bar of fewer cells says nothing. */
const FEWEST_CELLS = 6;
/** Before that an estimate jumps about. */
const SECONDS_BEFORE_ESTIMATE = 2;

/** One line about a piece of work: `train 120/266 · loss 3.121 · 3,204 tokens/s · 0:41 left`. */
export function progressText({ phase, done, total, detail }: Progress, seconds: number): string {
  return [`${phase}${counts(done, total)}`, detail ?? left(done, total, seconds)].filter((part) => part !== undefined).join(' · ');
}

/** The same with a bar, in at most `columns` cells: the bar shrinks first, then the text is cut. */
export function progressBar(progress: Progress, seconds: number, columns: number): string {
  const text = progressText(progress, seconds);
  const { done, total } = progress;
  const cells = Math.min(BAR_CELLS, columns - width(text) - ' 100 % '.length);
  if (done === undefined || !total || cells < FEWEST_CELLS) return cut(text, columns);
  const share = Math.min(1, Math.max(0, done / total));
  const full = Math.floor(share * cells);
  return `${'━'.repeat(full)}${'─'.repeat(cells - full)} ${String(Math.floor(100 * share)).padStart(3)} % ${text}`;
}

function counts(done: number | undefined, total: number | undefined): string {
  if (done === undefined) return '';
  return total ? ` ${short(done)}/${short(total)}` : ` ${short(done)}`;
}

function left(done: number | undefined, total: number | undefined, seconds: number): string | undefined {
  if (!done || !total || done >= total || seconds < SECONDS_BEFORE_ESTIMATE) return undefined;
  return `${clock((seconds / done) * (total - done))} left`;
}

/** Cells that a text takes; East Asian characters and pictures take two. */
export function width(text: string): number {
  return [...text].reduce((cells, character) => cells + cellsOf(character), 0);
}

function cellsOf(character: string): number {
  return character.codePointAt(0)! >= 0x1100 && !/[\u2010-\u2fff]/.test(character) ? 2 : 1;
}

function cut(text: string, columns: number): string {
  if (width(text) <= columns) return text;
  let kept = '';
  let cells = 0;
  for (const character of text) {
    cells += cellsOf(character);
    if (cells >= columns) break;
    kept += character;
  }
  return columns < 1 ? '' : `${kept}…`;
}
