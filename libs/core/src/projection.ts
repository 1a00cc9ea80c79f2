import type { Tensor } from '@tensorflow/tfjs-core';

/**
 * What a model predicts with, not multiplied out yet: `logits = hidden · weightᵀ`. Losses and scores take it as it is and multiply in
 * parts, so that all logits of a batch (50,000 per token) never stand in memory at once.
 */
export interface Projection {
  /** float32 `[..., width]`: the last hidden states, normed. */
  readonly hidden: Tensor;
  /** float32 `[vocab, width]`: the output layer, or the embedding that it is tied to. */
  readonly weight: Tensor;
  /** float32 `[..., vocab]`, multiplied out. */
  logits(): Tensor;
}
