import { fileURLToPath } from 'node:url';

const data = fileURLToPath(new URL('../../../shared/data/tasks', import.meta.url));

export const row = {
  work: 'six zero-shot tasks, 100 examples each, SmolLM2-135M, float32',
  unit: 's',
  amount: 1,
  ours: ['node', '{here}/ours/eval.mjs', '{model}', data, '100'],
  peer: ['python', '{here}/peers/eval.py', '{model}', data, '100', '16'],
  peerName: 'lm-eval 0.4.9, PyTorch',
};
