import { forwardFlops } from '../ours/flops.mjs';

export const row = {
  work: 'forward SmolLM2-135M, 4 × 256, float32',
  unit: 'tokens',
  amount: 4 * 256,
  flops: forwardFlops(4, 256),
  ours: ['node', '{here}/ours/forward.mjs', '{model}', '4', '256', '5'],
  peer: ['python', '{here}/peers/forward.py', '{model}', '4', '256', '5'],
  peerName: 'PyTorch',
};
