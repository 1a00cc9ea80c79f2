import { mask, pruner } from '@chop/core';
import { inputNorms, patternSchema, select, wandaScore } from '@chop/kernels';
import { z } from 'zod';

/** Wanda: `|W[i, j]| · ‖X[:, j]‖₂`, compared within one output row (Sun et al., arXiv 2306.11695, eq. 1). */
export const wanda = pruner({
  name: 'wanda',
  description:
    'Prunes weights by |weight| · norm of its input, N:M or unstructured per row, block after block on pruned inputs (Sun et al., arXiv 2306.11695).',
  needs: 'text',
  options: z.strictObject({ pattern: patternSchema.prefault('2:4').describe('2:4, 4:8, N:M along the inputs, or 50% of each output row') }),
  async *plan(session, { pattern }) {
    // All matrices of a block are scored on its unpruned inputs; the next block sees the pruned block.
    for await (const block of session.sweep(inputNorms))
      for (const linear of block.linears) {
        const scores = wandaScore(session.model.weight(linear), block.of(inputNorms, linear));
        yield mask(linear, select(scores, pattern));
      }
  },
});
