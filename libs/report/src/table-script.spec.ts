import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { tableText } from './table-script.js';

const table = [
  ['Model', 'piqa, %'],
  ['a_1 & "b"', '61.0 ± 4.9'],
];

describe('a table as text', () => {
  test('as CSV: quoted where it must be (RFC 4180)', () => {
    expect(tableText(table, [true, false], 'CSV')).toBe('Model,"piqa, %"\r\n"a_1 & ""b""",61.0 ± 4.9\r\n');
  });

  test('as Markdown: figures to the right, bars escaped', () => {
    expect(
      tableText(
        [
          ['a|b', 'n'],
          ['c', '1'],
        ],
        [true, false],
        'Markdown',
      ),
    ).toBe('| a\\|b | n |\n| --- | ---: |\n| c | 1 |\n');
  });

  test('as LaTeX: booktabs, and no sign that means something to TeX', () => {
    expect(tableText(table, [true, false], 'LaTeX')).toBe(
      '\\begin{tabular}{lr}\n  \\toprule\n  Model & piqa, \\% \\\\\n  \\midrule\n  a\\_1 \\& "b" & 61.0 $\\pm$ 4.9 \\\\\n  \\bottomrule\n\\end{tabular}\n',
    );
    expect(tableText([['\\~^{}$#']], [true], 'LaTeX')).toContain('\\textbackslash{}\\textasciitilde{}\\textasciicircum{}\\{\\}\\$\\# ');
  });

  test('whatever stands in its cells, CSV gives it back', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string(), fc.string()), { minLength: 1 }), (rows) => {
        expect(readCsv(tableText(rows, [true, true], 'CSV'))).toEqual(rows);
      }),
    );
  });
});

/** A reader of CSV, sign by sign. */
function readCsv(text: string): string[][] {
  const rows: string[][] = [];
  let [row, cell, quoted]: [string[], string, boolean] = [[], '', false];
  for (let at = 0; at < text.length; at++) {
    const sign = text[at]!;
    if (quoted && sign === '"' && text[at + 1] === '"') cell += text[++at];
    else if (sign === '"') quoted = !quoted;
    else if (!quoted && sign === ',') [row, cell] = [[...row, cell], ''];
    else if (!quoted && sign === '\r' && text[at + 1] === '\n') {
      rows.push([...row, cell]);
      [row, cell] = [[], ''];
      at++;
    } else cell += sign;
  }
  return rows;
}
