import type { JSX } from 'preact';
import type { MaskCut } from './facts.js';

const ROW = 19;
const HEAD = 22;
const NAMES = 58;
/** At half of its colour a full matrix still has legible letters. */
const DENSEST = 0.55;
const WIDEST_CELL = 110;

/** Where a weight stands: in a layer's row, under the name of its matrix. */
interface Matrix extends MaskCut {
  readonly layer: number | undefined;
  readonly column: string;
}

/** What is left of all masked weights, in words. */
export function masksInWords(masks: readonly MaskCut[]): string {
  const shares = masks.map(({ kept, total }) => kept / total);
  const [least, most] = [Math.min(...shares), Math.max(...shares)];
  const each = percent(least) === percent(most) ? `${percent(least)} % of each` : `from ${percent(least)} % to ${percent(most)} % of each`;
  const all = masks.reduce((sum, { kept }) => sum + kept, 0) / masks.reduce((sum, { total }) => sum + total, 0);
  return `${masks.length} matrices are masked; ${each} stays${percent(least) === percent(most) ? '' : `, ${percent(all)} % of all`}.`;
}

/** How dense each masked matrix is, a row for each layer. */
export function MaskPicture({ masks, width }: { readonly masks: readonly MaskCut[]; readonly width: number }): JSX.Element {
  const matrices = matricesOf(masks);
  const columns = [...new Set(matrices.map(({ column }) => column))];
  const layers = [...new Set(matrices.map(({ layer }) => layer))].sort((a, b) => (a ?? -1) - (b ?? -1));
  const cell = Math.min(WIDEST_CELL, (width - NAMES) / columns.length);
  return (
    <svg xmlns="http://www.w3.org/2000/svg" viewBox={`0 0 ${width} ${HEAD + ROW * layers.length}`} role="img" aria-label={masksInWords(masks)}>
      {columns.map((column, index) => (
        <text class="axis-name" x={NAMES + (index + 0.5) * cell} y={HEAD / 2} text-anchor="middle" dominant-baseline="central">
          {column}
        </text>
      ))}
      {layers.map((layer, row) => (
        <g class="axis" transform={`translate(0 ${HEAD + row * ROW})`}>
          <text x={NAMES - 10} y={ROW / 2} text-anchor="end" dominant-baseline="central">
            {layer === undefined ? 'model' : `layer ${layer}`}
          </text>
          {matrices
            .filter((matrix) => matrix.layer === layer)
            .map((matrix) => (
              <MatrixCell matrix={matrix} x={NAMES + columns.indexOf(matrix.column) * cell} width={cell} />
            ))}
        </g>
      ))}
    </svg>
  );
}

function MatrixCell({ matrix: { kept, total }, x, width }: { readonly matrix: Matrix; readonly x: number; readonly width: number }): JSX.Element {
  const share = kept / total;
  return (
    <>
      <rect class="density" x={pixels(x + 1)} y="1" width={pixels(width - 2)} height={ROW - 2} rx="2" fill-opacity={pixels(100 * DENSEST * share) / 100} />
      <text class="on" x={pixels(x + width / 2)} y={ROW / 2} text-anchor="middle" dominant-baseline="central">
        {percent(share)}
      </text>
    </>
  );
}

/** `model.layers.3.self_attn.q_proj.weight` is `q` of layer 3: the shortest names under which no two of a layer are the same. */
export function matricesOf(masks: readonly MaskCut[]): Matrix[] {
  const parsed = masks.map((mask) => {
    const [, layer, rest = mask.weight] = /(?:^|\.)(\d+)\.(.*)$/.exec(mask.weight) ?? [];
    return { mask, layer: layer === undefined ? undefined : Number(layer), words: rest.replace(/\.weight$/, '').split('.') };
  });
  const named = (words: readonly string[], length: number): string =>
    words
      .slice(-length)
      .join('.')
      .replace(/_proj$/, '');
  const most = Math.max(...parsed.map(({ words }) => words.length));
  const isClear = (length: number): boolean => new Set(parsed.map(({ layer, words }) => `${layer}/${named(words, length)}`)).size === parsed.length;
  const length = Array.from({ length: most }, (_, index) => index + 1).find(isClear) ?? most;
  return parsed.map(({ mask, layer, words }) => ({ ...mask, layer, column: named(words, length) }));
}

function percent(share: number): string {
  return (100 * share).toFixed(1).replace(/\.0$/, '');
}

function pixels(value: number): number {
  return Math.round(value * 10) / 10;
}
