export * from './latency.js';
export * from './perplexity.js';
