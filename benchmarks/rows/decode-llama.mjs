import { row as besidePytorch } from './decode-pytorch.mjs';

export const row = {
  ...besidePytorch,
  peer: ['node', '{here}/peers/llama.mjs', '{node}', '{gguf}', '256', '40'],
  peerName: 'llama.cpp',
};
