/** Beyond this many standard deviations nothing is left in double precision. */
const FAR = 9;

/** Share of a standard normal that lies below `x`, to 1e-15 (Marsaglia 2004, "Evaluating the normal distribution": the Taylor series at 0). */
export function normalBelow(x: number): number {
  if (Math.abs(x) >= FAR) return x > 0 ? 1 : 0;
  let term = x;
  let sum = x;
  for (let odd = 3; sum + term !== sum; odd += 2) sum += term *= (x * x) / odd;
  return 0.5 + (sum * Math.exp(-(x * x) / 2)) / Math.sqrt(2 * Math.PI);
}

/** The inverse of {@link normalBelow}, by halving, to 1e-15; within ±9. */
export function normalQuantile(share: number): number {
  let [low, high] = [-FAR, FAR];
  while (high - low > 1e-15) {
    const middle = (low + high) / 2;
    if (middle === low || middle === high) break;
    if (normalBelow(middle) < share) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
