export type { CurvePoint, EvaluationPoint, Machine, RunFacts, VariantFacts } from './facts.js';
export { renderReport } from './page.js';
