import { LINEAR_WEIGHTS, WEIGHTS } from '../ours/flops.mjs';

export const row = {
  work: 'decode SmolLM2-135M, masked 2:4, batch 1, context 256, float32',
  unit: 'tokens',
  amount: 1,
  // A value for every second weight of the linear layers, and two bits of its position; the embedding as it is.
  bytes: 4 * (WEIGHTS - LINEAR_WEIGHTS) + (LINEAR_WEIGHTS / 2) * (4 + 1 / 4),
  ours: ['node', '{here}/ours/decode.mjs', '{model}', '256', '40', 'packed'],
  peer: ['node', '{here}/ours/decode.mjs', '{model}', '256', '40', 'masked'],
  peerName: 'chop, dense',
};
