import type { ComponentChildren, JSX } from 'preact';
import { isMeasured, MISSING } from './figures.js';
import { Swatch } from './series.js';

/** One figure or some words in a table. */
export interface Cell {
  readonly text: string;
  /** What it is sorted by and copied as, in full; else its text. */
  readonly value?: number | string | undefined;
  /** Standard error of `value`: a column of its own where the table is copied as CSV. */
  readonly stderr?: number | undefined;
  /** A smaller figure under or beside it, which is not copied. */
  readonly small?: string | undefined;
  /** The colour of a variant, by its number. */
  readonly series?: number | undefined;
}

export interface Column {
  readonly title: string;
  readonly unit?: string | undefined;
  /** Words stand to the left, figures to the right. */
  readonly words?: boolean;
}

export interface TableFacts {
  readonly caption: ComponentChildren;
  /** What somebody hears who comes to it by keyboard. */
  readonly label: string;
  readonly look: string;
  /** The first is that of the rows' names. */
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Cell[])[];
}

/** Columns from which figures are set smaller, so that they stay on a page. */
const CROWDED_FROM = 8;

/** A table whose rows a reader may sort and copy. It is complete without a script; {@link TABLE_SCRIPT} puts the buttons there. */
export function DataTable({ caption, label, look, columns, rows }: TableFacts): JSX.Element {
  return (
    <div class="sheet">
      <div class="scroll" role="region" aria-label={label} tabIndex={0}>
        <table class={`data ${look}${columns.length > CROWDED_FROM ? ' crowded' : ''}`}>
          <caption>
            <span>{caption}</span>
          </caption>
          <thead>
            <tr>
              {columns.map(({ title, unit, words }) => (
                <th scope="col" class={words ? 'words' : undefined}>
                  {title}
                  {unit !== undefined && <small> {unit}</small>}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr>{row.map((cell, index) => (index === 0 ? <RowName cell={cell} /> : <Figure cell={cell} words={columns[index]?.words === true} />))}</tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}

/** A cell of a number, by how it is shown. */
export function figureCell(value: number | undefined, figure: (value: number | undefined) => string, rest: Omit<Cell, 'text' | 'value'> = {}): Cell {
  return isMeasured(value) ? { text: figure(value), value, ...rest } : { text: MISSING };
}

function RowName({ cell: { text, value, series } }: { readonly cell: Cell }): JSX.Element {
  return (
    <th scope="row" data-value={value}>
      {series !== undefined && <Swatch series={series} />}
      {text}
    </th>
  );
}

function Figure({ cell: { text, value, stderr, small }, words }: { readonly cell: Cell; readonly words: boolean }): JSX.Element {
  return (
    <td class={words ? 'words' : undefined} data-value={value} data-stderr={isMeasured(stderr) ? stderr : undefined}>
      {text}
      {small !== undefined && <small> {small}</small>}
    </td>
  );
}
