export * from './atomic.js';
export * from './safetensors.js';
export * from './huggingface.js';
export * from './reencode.js';
