import { WEIGHTS } from '../ours/flops.mjs';

export const row = {
  work: 'decode SmolLM2-135M, batch 1, context 256, float32',
  unit: 'tokens',
  amount: 1,
  // Every weight is read once; the roof counts bytes read and written.
  bytes: 4 * WEIGHTS,
  ours: ['node', '{here}/ours/decode.mjs', '{model}', '256', '40'],
  peer: ['python', '{here}/peers/decode.py', '{model}', '256', '40'],
  peerName: 'PyTorch',
};
