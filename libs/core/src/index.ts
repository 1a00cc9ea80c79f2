export * from './error.js';
export * from './checkpoint.js';
