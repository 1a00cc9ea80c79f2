import { forwardFlops } from '../ours/flops.mjs';

export const row = {
  work: 'train SmolLM2-135M, 4 × 256, float32',
  unit: 'tokens',
  amount: 4 * 256,
  flops: 3 * forwardFlops(4, 256),
  ours: ['node', '{here}/ours/train.mjs', '{model}', '4', '256', '3'],
  peer: ['python', '{here}/peers/train.py', '{model}', '4', '256', '3'],
  peerName: 'PyTorch',
};
