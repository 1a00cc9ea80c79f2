/** SmolLM2-135M: 30 layers, width 576, ffn 1536, 9 heads and 3 of keys and values of 64, 49152 token ids, embeddings tied. */
const [layers, width, ffn, heads, kv, inner, vocab] = [30, 576, 1536, 9, 3, 64, 49152];

/** `[out, in]` of all linear layers, in the order in which a token goes through them. */
const SHAPES = Array.from({ length: layers }, () => [
  [heads * inner, width],
  [kv * inner, width],
  [kv * inner, width],
  [width, heads * inner],
  [ffn, width],
  [ffn, width],
  [width, ffn],
]).flat();

export const LINEAR_WEIGHTS = SHAPES.reduce((sum, [out, inputs]) => sum + out * inputs, 0);

/** All weights, norms too. */
export const WEIGHTS = LINEAR_WEIGHTS + vocab * width + (2 * layers + 1) * width;

/** Operations of one forward pass: two per weight and token, and attention over the tokens before (half of them, on average). */
export function forwardFlops(batch, window) {
  const attention = layers * 2 * 2 * heads * inner * (window / 2);
  return batch * window * (2 * (LINEAR_WEIGHTS + vocab * width) + attention);
}

/**
 * Operations of Wanda 2:4: every layer unpruned, without its last matrix, whose output nobody looks at; then pruned, with half the products, except the last,
 * which nobody reads; attention in both.
 */
export function wandaFlops(samples, window) {
  const attention = 2 * layers * 2 * 2 * heads * inner * (window / 2);
  const unpruned = LINEAR_WEIGHTS - layers * width * ffn;
  const pruned = ((layers - 1) / layers) * (LINEAR_WEIGHTS / 2);
  return samples * window * (2 * (unpruned + pruned) + attention);
}
