export const row = {
  work: 'train SmolLM2-135M, 4 × 256, bfloat16 products, float32 weights',
  needs: 'avx512_bf16',
  unit: 'tokens',
  amount: 4 * 256,
  ours: ['node', '{here}/ours/train.mjs', '{model}', '4', '256', '3', 'bf16'],
  peer: ['python', '{here}/peers/train.py', '{model}', '4', '256', '3', 'bf16'],
  peerName: 'PyTorch, autocast',
};
