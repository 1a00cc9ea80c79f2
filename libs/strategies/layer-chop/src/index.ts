export * from './layer-chop.js';
