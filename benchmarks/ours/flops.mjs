/** SmolLM2-135M: 30 layers, width 576, ffn 1536, 9 heads and 3 of keys and values of 64, 49152 token ids, embeddings tied. */
const [layers, width, ffn, heads, kv, inner, vocab] = [30, 576, 1536, 9, 3, 64, 49152];

const linearWeights = layers * (2 * width * heads * inner + 2 * width * kv * inner + 3 * width * ffn);

/** All weights, norms too. */
export const WEIGHTS = linearWeights + vocab * width + (2 * layers + 1) * width;

/** Operations of one forward pass: two per weight and token, and attention over the tokens before (half of them, on average). */
export function forwardFlops(batch, window) {
  const attention = layers * 2 * 2 * heads * inner * (window / 2);
  return batch * window * (2 * (linearWeights + vocab * width) + attention);
}
