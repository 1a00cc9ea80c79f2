export * from './dim-chop.js';
