import { WEIGHTS } from '../ours/flops.mjs';

export const row = {
  work: 'AdamW over 134.5M weights',
  unit: 'weights',
  amount: WEIGHTS,
  // Weight, two moments read and written, the gradient read.
  bytes: 7 * 4 * WEIGHTS,
  ours: ['node', '{here}/ours/adamw.mjs', String(WEIGHTS), '7'],
  peer: ['python', '{here}/peers/adamw.py', String(WEIGHTS), '7'],
  peerName: 'PyTorch, fused',
};
