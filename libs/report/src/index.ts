export type {
  AxisCut,
  CurvePoint,
  CutFacts,
  EvaluationPoint,
  Flip,
  Kept,
  Machine,
  MaskCut,
  PairedFacts,
  ReportFacts,
  RunFacts,
  SettingFacts,
  TimedFacts,
  TaskScore,
  VariantFacts,
} from './facts.js';
export { renderModelCard } from './model-card.js';
export { renderReport } from './page.js';
