export * from './axis.js';
export * from './blueprint.js';
export * from './checkpoint.js';
export * from './error.js';
export * from './gather.js';
export * from './mask.js';
export * from './plan.js';
export * from './random.js';
