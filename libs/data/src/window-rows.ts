import type { TokenTable } from './packing.js';

/** `batchSize` sequences of `window` token ids, row after row. */
export interface Batch {
  readonly ids: Int32Array;
  readonly batchSize: number;
  readonly window: number;
  /** Like `ids`: the number of the document within its sequence. */
  readonly segments?: Int32Array;
  /** Like `ids`: 1 where the token that follows counts in the loss: it is part of an answer, and with a document mask of the same document. */
  readonly weights?: Float32Array;
}

/** How windows are read: how long they are, and whether documents are told apart. */
interface Cut {
  readonly window: number;
  readonly documentMask?: boolean | undefined;
}

/** The windows that start at some places of a table, as a batch. */
export function rowsAt(table: TokenTable, starts: readonly number[], { window, documentMask }: Cut): Batch {
  const ids = new Int32Array(starts.length * window);
  starts.forEach((start, row) => ids.set(table.ids.subarray(start, start + window), row * window));
  const segments = documentMask ? segmentsAt(table.documents!, starts, window) : undefined;
  const weights = segments || table.answers ? weightsAt(table.answers, starts, window, segments) : undefined;
  return { ids, batchSize: starts.length, window, ...(segments ? { segments } : {}), ...(weights ? { weights } : {}) };
}

/** Whether a window holds a prediction that counts in the loss. */
export function hasPrediction(table: TokenTable, start: number, cut: Cut): boolean {
  return rowsAt(table, [start], cut).weights?.includes(1) ?? true;
}

function segmentsAt(documents: Int32Array, starts: readonly number[], window: number): Int32Array {
  const out = new Int32Array(starts.length * window);
  starts.forEach((start, row) => {
    const first = firstAfter(documents, start);
    let next = first;
    for (let i = 0; i < window; i++) {
      while (next < documents.length && documents[next]! <= start + i) next++;
      out[row * window + i] = next - first;
    }
  });
  return out;
}

/** The last position of a sequence predicts nothing in it. */
function weightsAt(answers: Uint8Array | undefined, starts: readonly number[], window: number, segments: Int32Array | undefined): Float32Array {
  const out = new Float32Array(starts.length * window);
  starts.forEach((start, row) => {
    for (let i = 0; i + 1 < window; i++) {
      const at = row * window + i;
      const counts = answers ? answers[start + i + 1] === 1 : true;
      out[at] = counts && segments?.[at] === segments?.[at + 1] ? 1 : 0;
    }
  });
  return out;
}

/** The first index whose value is greater than `position` (binary search). */
function firstAfter(sorted: Int32Array, position: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! <= position) low = middle + 1;
    else high = middle;
  }
  return low;
}
