export * from './generate.js';
export * from './llama.js';
