export type { CurvePoint, RunFacts, VariantFacts } from './facts.js';
export { renderReport } from './render.js';
