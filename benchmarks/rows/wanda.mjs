import { wandaFlops } from '../ours/flops.mjs';

export const row = {
  work: 'Wanda 2:4 of SmolLM2-135M, 16 × 256 tokens',
  unit: 's',
  amount: 1,
  flops: wandaFlops(16, 256),
  ours: ['node', '{here}/ours/wanda.mjs', '{model}', '16', '256'],
  peer: ['python', '{here}/peers/wanda.py', '{model}', '16', '256'],
  peerName: 'PyTorch',
};
