export * from './latency.js';
export * from './perplexity.js';
export { evaluateTasks, tasks, type TaskScores, type TasksOptions, type TasksResult } from './tasks.js';
export type { SampleLine } from './sample-line.js';
export { TaskLibrary } from './task-library.js';
export type { Hook, Hooks, TaskDocument } from './hooks.js';
