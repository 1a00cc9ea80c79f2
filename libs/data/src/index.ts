export { BYTE_OF } from './byte-alphabet.js';
export { type Message } from './chat-template.js';
export * from './data-source.js';
export * from './packing.js';
export * from './text.js';
export * from './text-stream.js';
export * from './tokenizer.js';
export * from './windows.js';
