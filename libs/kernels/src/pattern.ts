import type { Tensor } from '@tensorflow/tfjs-core';
import { z } from 'zod';
import { keepNofM, keepShare } from './select.js';

/** Which weights stay: `n` of every `m` along the inputs, or all but a share of each output row. */
export type Pattern = { readonly n: number; readonly m: number } | { readonly share: number };

/** The option `pattern`: `2:4`, `4:8`, any `N:M`, or `50%` of each row. */
export const patternSchema = z.string().transform((text, context): Pattern => {
  const groups = /^(\d+):(\d+)$/.exec(text);
  if (groups) {
    const [n, m] = [Number(groups[1]), Number(groups[2])];
    if (n >= 1 && n < m) return { n, m };
  }
  const percent = /^(\d+(?:\.\d+)?)\s*%$/.exec(text);
  if (percent && Number(percent[1]) > 0 && Number(percent[1]) < 100) return { share: Number(percent[1]) / 100 };
  context.addIssue({ code: 'custom', message: 'N:M with 0 < N < M (2:4, 4:8), or a percentage between 0 and 100 (50%)' });
  return z.NEVER;
});

/** bool `[out, in]`, true where the weight stays: the highest scores. Ties keep the lower index. */
export function select(scores: Tensor, pattern: Pattern): Tensor {
  return 'share' in pattern ? keepShare(scores, pattern.share) : keepNofM(scores, pattern.n, pattern.m);
}
