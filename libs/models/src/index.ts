export * from './gemma3.js';
export * from './generate.js';
export * from './gpt-neox.js';
export * from './gpt2.js';
export * from './llama.js';
export * from './olmo2.js';
export * from './palm-like.js';
export * from './phi3.js';
