import type { VariantFacts } from './facts.js';
import { bytesFigure, countFigure, isMeasured, secondsFigure, valueFigure } from './figures.js';
import type { Better } from './pareto.js';
import { meanAccuracy, percentFigure } from './tasks.js';

/** A number that every variant may have: a column of the summary, and where `drawn`, bars of its own. */
export interface Measure {
  readonly label: string;
  readonly unit?: string;
  readonly of: (variant: VariantFacts) => number | undefined;
  readonly stderr?: (variant: VariantFacts) => number | undefined;
  readonly figure: (value: number | undefined) => string;
  readonly better: Better;
  readonly drawn: boolean;
  /** Whether it says something as a multiple of the first variant's. */
  readonly ratio: boolean;
  /** The best that can be, where bars on a logarithmic scale may begin. */
  readonly floor?: number;
}

const layers: Measure = { label: 'Layers', of: (variant) => variant.layers, figure: countFigure, better: 'lower', drawn: false, ratio: false };
const parameters: Measure = { label: 'Parameters', of: (variant) => variant.parameters, figure: countFigure, better: 'lower', drawn: false, ratio: true };
const size: Measure = { label: 'Size', unit: 'weights on disk', of: ({ bytes }) => bytes, figure: bytesFigure, better: 'lower', drawn: true, ratio: true };
const perplexity: Measure = {
  label: 'Perplexity',
  unit: 'per token',
  of: (variant) => variant.perplexity,
  figure: valueFigure,
  better: 'lower',
  drawn: true,
  ratio: true,
  floor: 1,
};
const bitsPerByte: Measure = { label: 'Bits per byte', of: (variant) => variant.bitsPerByte, figure: valueFigure, better: 'lower', drawn: true, ratio: true };
const prefill: Measure = {
  label: 'Prefill',
  unit: 'tokens/s',
  of: ({ prefillTokensPerSecond }) => prefillTokensPerSecond,
  figure: valueFigure,
  better: 'higher',
  drawn: false,
  ratio: true,
};
const decode: Measure = {
  label: 'Decode',
  unit: 'tokens/s',
  of: ({ decodeTokensPerSecond }) => decodeTokensPerSecond,
  figure: valueFigure,
  better: 'higher',
  drawn: true,
  ratio: true,
};
const tokens: Measure = {
  label: 'Training',
  unit: 'tokens',
  of: ({ trainingTokens }) => trainingTokens,
  figure: countFigure,
  better: 'lower',
  drawn: false,
  ratio: false,
};
const seconds: Measure = {
  label: 'Time',
  unit: 'cut and train',
  of: (variant) => variant.seconds,
  figure: secondsFigure,
  better: 'lower',
  drawn: false,
  ratio: false,
};

/** The mean over the tasks that all variants share. */
function accuracyOf(variants: readonly VariantFacts[]): Measure {
  const mean = meanAccuracy(variants);
  return {
    label: 'Mean accuracy',
    unit: `%, ${mean.tasks} tasks`,
    of: (variant) => mean(variant)?.value,
    stderr: (variant) => mean(variant)?.stderr,
    figure: percentFigure,
    better: 'higher',
    drawn: false,
    ratio: false,
  };
}

/** Those that at least one variant has, in the order of the summary. What it took to make a model counts only where something was made. */
export function measuredIn(variants: readonly VariantFacts[]): Measure[] {
  const cost = [tokens, seconds].filter(({ of }) => variants.some((variant) => (of(variant) ?? 0) > 0));
  return [layers, parameters, size, perplexity, bitsPerByte, accuracyOf(variants), prefill, decode, ...cost].filter((measure) =>
    isMeasuredIn(measure, variants, 1),
  );
}

/** What tells best how good the variants are: accuracy on tasks, else bits per byte, else perplexity, of which at least two have it. */
export function qualityOf(variants: readonly VariantFacts[]): Measure | undefined {
  return [accuracyOf(variants), bitsPerByte, perplexity].find((measure) => isMeasuredIn(measure, variants, 2));
}

/** What quality is paid with, as far as at least two variants have it beside their quality, and differ. */
export function costsOf(variants: readonly VariantFacts[]): Measure[] {
  const costs: Measure[] = [
    size,
    { ...decode, label: 'Decoding speed' },
    { ...tokens, label: 'Training tokens', unit: 'seen since the first model' },
    { ...seconds, label: 'Time to make', unit: 'cutting and training' },
  ];
  return costs.filter(({ of }) => new Set(variants.map(of).filter(isMeasured)).size > 1);
}

function isMeasuredIn({ of }: Measure, variants: readonly VariantFacts[], least: number): boolean {
  return variants.filter((variant) => isMeasured(of(variant))).length >= least;
}
