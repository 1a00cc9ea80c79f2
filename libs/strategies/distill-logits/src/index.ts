export * from './distill-logits.js';
