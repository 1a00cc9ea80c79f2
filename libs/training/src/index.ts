export * from './gradients.js';
export * from './log.js';
export * from './loss.js';
export * from './optimizer.js';
export * from './options.js';
export * from './schedule.js';
export * from './snapshot.js';
export * from './trainer.js';
