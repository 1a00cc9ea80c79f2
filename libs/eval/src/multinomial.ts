import type { Random } from '@chop/core';

/** A value, and how many times it is there. */
export interface ValueGroup {
  readonly value: number;
  readonly count: number;
}

/** Sorted values as groups of equal ones. */
export function groupsOf(sorted: Float64Array): ValueGroup[] {
  const starts = [...sorted.keys()].filter((at) => at === 0 || sorted[at] !== sorted[at - 1]);
  return starts.map((at, group) => ({ value: sorted[at]!, count: (starts[group + 1] ?? sorted.length) - at }));
}

/**
 * Draws sums of as many values as all groups have together, with replacement: counts of the groups are multinomial, each binomial given those before it
 * (Devroye 1986, "Non-uniform random variate generation", §XI.1.4).
 */
export function countDrawer(groups: readonly ValueGroup[], total: number): (random: Random) => number {
  const binomial = binomialDrawer(total);
  return (random) => {
    let [sum, open, among] = [0, total, total];
    for (const { value, count } of groups) {
      const drawn = binomial(open, count / among, random);
      sum += drawn * value;
      open -= drawn;
      among -= count;
    }
    return sum;
  };
}

/** Draws heads of up to `most` throws by inversion, from the likeliest number outwards (Devroye 1986, §X.4.2): about as many steps as a standard deviation. */
export function binomialDrawer(most: number): (throws: number, share: number, random: Random) => number {
  const logFactorials = new Float64Array(most + 1);
  for (let i = 2; i <= most; i++) logFactorials[i] = logFactorials[i - 1]! + Math.log(i);
  return (throws, share, random) => {
    if (throws === 0 || share >= 1) return throws;
    const odds = share / (1 - share);
    const likeliest = Math.floor((throws + 1) * share);
    const logWays = logFactorials[throws]! - logFactorials[likeliest]! - logFactorials[throws - likeliest]!;
    const highest = Math.exp(logWays + likeliest * Math.log(share) + (throws - likeliest) * Math.log1p(-share));
    let rest = random.next() - highest;
    let [above, atAbove, below, atBelow] = [likeliest, highest, likeliest, highest];
    while (rest >= 0 && (atAbove > 0 || atBelow > 0)) {
      atAbove *= ((throws - above) / (above + 1)) * odds;
      above++;
      if ((rest -= atAbove) < 0) return above;
      atBelow *= below / (throws - below + 1) / odds;
      below--;
      if ((rest -= atBelow) < 0) return below;
    }
    return likeliest;
  };
}
