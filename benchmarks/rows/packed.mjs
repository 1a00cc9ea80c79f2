import { LINEAR_WEIGHTS } from '../ours/flops.mjs';

export const row = {
  work: 'one row through the linear layers of SmolLM2-135M, 2:4, packed',
  unit: 'rows',
  amount: 1,
  // A value for every second weight, and two bits of its position.
  bytes: (LINEAR_WEIGHTS / 2) * (4 + 1 / 4),
  ours: ['node', '{here}/ours/packed.mjs', 'packed', '40'],
  peer: ['node', '{here}/ours/packed.mjs', 'dense', '40'],
  peerName: 'chop, dense',
};
