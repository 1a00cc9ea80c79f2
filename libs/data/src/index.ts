export * from './packing.js';
export * from './text.js';
export * from './tokenizer.js';
export * from './windows.js';
