import { width } from './progress-line.js';

/** Columns as wide as their widest cell; those of numbers (`right`) stand to the right. */
export function table(rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) => Math.max(...rows.map((row) => width(row[column] ?? ''))));
  const padded = (cell: string, column: number): string => {
    const space = ' '.repeat(widths[column]! - width(cell));
    return right.includes(column) ? space + cell : cell + space;
  };
  return rows.map((row) => row.map(padded).join('  ').trimEnd()).join('\n');
}
