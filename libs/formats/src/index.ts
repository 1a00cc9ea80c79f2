export * from './atomic.js';
export * from './safetensors.js';
export * from './huggingface.js';
export * from './gguf.js';
export type { GgufValue } from './gguf-header.js';
export { ggufTokenizerFiles } from './gguf-tokenizer.js';
export * from './reencode.js';
export * from './open.js';
export * from './hub.js';
