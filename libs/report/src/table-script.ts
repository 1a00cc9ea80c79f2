/** As what a table is copied. */
export type TableFormat = 'CSV' | 'Markdown' | 'LaTeX';

/**
 * A table as text. Runs in the page: it may use nothing from outside itself.
 *
 * @param rows - the head first; equally long.
 * @param words - for each column whether it holds words, which stand to the left.
 */
export function tableText(rows: readonly (readonly string[])[], words: readonly boolean[], format: TableFormat): string {
  const latex: Record<string, string> = {
    ...{ '\\': '\\textbackslash{}', '~': '\\textasciitilde{}', '^': '\\textasciicircum{}', '<': '$<$', '>': '$>$', '|': '$|$' },
    ...{ '±': '$\\pm$', '×': '$\\times$', '→': '$\\rightarrow$', '–': '--', '−': '$-$', '·': '$\\cdot$' },
  };
  const escape = {
    CSV: (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text),
    Markdown: (text: string): string => text.replace(/[\\|<>]/g, '\\$&'),
    LaTeX: (text: string): string => text.replace(/[\\~^<>|±×→–−·&%$#_{}]/g, (sign) => latex[sign] ?? `\\${sign}`),
  }[format];
  const lines = rows.map((row) => row.map(escape));
  if (format === 'CSV') return lines.map((row) => `${row.join(',')}\r\n`).join('');
  if (format === 'Markdown') {
    const line = (row: readonly string[]): string => `| ${row.join(' | ')} |\n`;
    return line(lines[0]!) + line(words.map((left) => (left ? '---' : '---:'))) + lines.slice(1).map(line).join('');
  }
  const line = (row: readonly string[]): string => `  ${row.join(' & ')} \\\\\n`;
  const columns = words.map((left) => (left ? 'l' : 'r')).join('');
  return `\\begin{tabular}{${columns}}\n  \\toprule\n${line(lines[0]!)}  \\midrule\n${lines.slice(1).map(line).join('')}  \\bottomrule\n\\end{tabular}\n`;
}

/** Gives every table of data its buttons. Runs in the page, and knows nothing of it but `tableText`, which stands beside it there. */
export function enliven(page: Document): void {
  for (const table of page.querySelectorAll<HTMLTableElement>('table.data')) {
    const heads = [...table.tHead!.rows[0]!.cells];
    const body = table.tBodies[0]!;
    const original = [...body.rows];
    const shown = (cell: Element): string => {
      const copy = cell.cloneNode(true) as Element;
      if (cell.tagName === 'TD') for (const small of copy.querySelectorAll('small')) small.remove();
      return (copy.textContent ?? '').replace(/\s+/g, ' ').trim();
    };
    const words = heads.map((head, index) => index === 0 || head.classList.contains('words'));

    const tools = page.createElement('div');
    tools.className = 'tools';
    const said = page.createElement('span');
    said.setAttribute('role', 'status');
    const button = (text: string, act: () => void): HTMLButtonElement => {
      const made = page.createElement('button');
      made.type = 'button';
      made.textContent = text;
      made.addEventListener('click', act);
      return made;
    };

    const rowsAs = (format: TableFormat): [rows: string[][], words: boolean[]] => {
      const withError = heads.map((_, index) => format === 'CSV' && [...body.rows].some((row) => row.cells[index]!.dataset['stderr'] !== undefined));
      const spread = <T>(items: readonly T[], error: (index: number) => T): T[] =>
        items.flatMap((item, index) => (withError[index] ? [item, error(index)] : [item]));
      const titles = heads.map(shown);
      const rows = [...body.rows].map((row) => {
        const cells = [...row.cells];
        const plain = cells.map((cell) => (format === 'CSV' ? (cell.dataset['value'] ?? shown(cell).replace(/^–$/, '')) : shown(cell)));
        return spread(plain, (index) => cells[index]!.dataset['stderr'] ?? '');
      });
      return [[spread(titles, (index) => `${titles[index]} stderr`), ...rows], spread(words, () => false)];
    };
    const copy = async (format: TableFormat): Promise<void> => {
      const text = tableText(...rowsAs(format), format);
      try {
        await navigator.clipboard.writeText(text);
      } catch {
        // Where a page on the disk may not use the clipboard, it may still copy what is selected.
        const area = page.createElement('textarea');
        area.value = text;
        tools.append(area);
        area.select();
        page.execCommand('copy');
        area.remove();
      }
      said.textContent = `Copied ${body.rows.length} rows as ${format}.`;
    };
    const label = page.createElement('span');
    label.textContent = 'Copy as';
    tools.append(label);
    for (const format of ['CSV', 'Markdown', 'LaTeX'] as const) {
      const made = button(format, () => void copy(format));
      made.setAttribute('aria-label', `Copy the table as ${format}`);
      tools.append(made);
    }
    tools.append(said);
    table.closest('.sheet')!.append(tools);
    if (original.length < 2) continue;

    const sort = (column: number): void => {
      const head = heads[column]!;
      const before = head.getAttribute('aria-sort');
      const way = before === 'ascending' ? 'descending' : before === 'descending' ? undefined : 'ascending';
      for (const other of heads) other.removeAttribute('aria-sort');
      if (way) head.setAttribute('aria-sort', way);
      const key = (row: HTMLTableRowElement): string => row.cells[column]!.dataset['value'] ?? shown(row.cells[column]!);
      const compare = (a: HTMLTableRowElement, b: HTMLTableRowElement): number => {
        const [one, other] = [key(a), key(b)];
        // What was not measured is last either way.
        if (one === '–' || other === '–') return Number(one === '–') - Number(other === '–');
        const order = words[column] ? one.localeCompare(other, 'en', { numeric: true }) : Number(one) - Number(other);
        return way === 'descending' ? -order : order;
      };
      body.append(...(way ? [...original].sort(compare) : original));
      said.textContent = way ? `Sorted by ${shown(head)}, ${way}.` : 'In the original order.';
    };
    heads.forEach((head, column) => {
      const made = button('', () => sort(column));
      made.append(...head.childNodes);
      head.append(made);
    });
  }
}

/** The whole script of the page. */
export const TABLE_SCRIPT = `${tableText}\n${enliven}\nenliven(document);`;
