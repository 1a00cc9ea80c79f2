/** Runs `work` once untimed and `runs` times timed, then prints what measure.mjs wants to be told. */
export async function tell(runs, work) {
  await work();
  const seconds = [];
  for (let run = 0; run < runs; run++) {
    const started = performance.now();
    await work();
    seconds.push((performance.now() - started) / 1000);
  }
  process.stdout.write(`${JSON.stringify({ seconds, peakBytes: process.resourceUsage().maxRSS * 1024 })}\n`);
}

/** Deterministic token ids. */
export function ids(count, vocab) {
  let state = 12345;
  return Int32Array.from({ length: count }, () => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) % vocab);
}
