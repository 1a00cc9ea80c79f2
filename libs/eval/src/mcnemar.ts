/** Whether as many examples flipped one way as the other. */
export interface McNemar {
  /** Two-sided p value of the exact conditional test. Never too small, often too large. */
  readonly exact: number;
  /** Two-sided mid-p value: half of the observed table's probability left out. Nearer to the level that is asked for; the one to quote. */
  readonly midP: number;
}

/**
 * McNemar's test of two models on the same examples, by the binomial distribution: were both equally good, each flip would go either way with
 * probability ½ (Fagerland, Lydersen & Laake 2013, "The McNemar test for binary matched-pairs data").
 *
 * @param gained - examples that only the second model has right.
 * @param lost - examples that only the first model has right.
 */
export function mcnemar(gained: number, lost: number): McNemar {
  const fewer = Math.min(gained, lost);
  const { at, upTo } = evenBinomial(fewer, gained + lost);
  if (gained === lost) return { exact: 1, midP: 1 - at / 2 };
  return { exact: Math.min(1, 2 * upTo), midP: 2 * upTo - at };
}

/** Probability of exactly and of at most `heads` heads in `throws` throws of a fair coin. */
function evenBinomial(heads: number, throws: number): { at: number; upTo: number } {
  let logAt = -throws * Math.LN2;
  for (let i = 1; i <= heads; i++) logAt += Math.log((throws - heads + i) / i);
  const at = Math.exp(logAt);
  let [upTo, each] = [0, at];
  for (let i = heads; i >= 0 && upTo + each !== upTo; i--) {
    upTo += each;
    each *= i / (throws - i + 1);
  }
  return { at, upTo };
}
