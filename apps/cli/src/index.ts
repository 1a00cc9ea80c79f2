export { main } from './main.js';
export type { Engines, Output, Signals, Surroundings, Verbs } from './surroundings.js';
