import { WEIGHTS } from '../ours/flops.mjs';

export const row = {
  work: 'decode SmolLM2-135M, batch 1, context 256, float32',
  unit: 'tokens',
  amount: 1,
  bytes: 4 * WEIGHTS,
  ours: ['node', '{here}/ours/decode.mjs', '{model}', '256', '40'],
  peer: ['node', '{here}/peers/llama.mjs', '{node}', '{gguf}', '256', '40'],
  peerName: 'llama.cpp',
};
