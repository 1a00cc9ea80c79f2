import type { VariantFacts } from './facts.js';
import { bytesFigure, countFigure, isMeasured, valueFigure } from './figures.js';

/** A number that every variant may have: a row of the summary, and where `drawn`, bars of its own. */
export interface Measure {
  readonly label: string;
  readonly unit?: string;
  readonly of: (variant: VariantFacts) => number | undefined;
  readonly figure: (value: number | undefined) => string;
  readonly better: 'lower' | 'higher';
  readonly drawn: boolean;
  /** The best that can be, where bars on a logarithmic scale may begin. */
  readonly floor?: number;
}

/** In the order of the summary. */
export const MEASURES: readonly Measure[] = [
  { label: 'Layers', of: ({ layers }) => layers, figure: countFigure, better: 'lower', drawn: false },
  { label: 'Parameters', of: ({ parameters }) => parameters, figure: countFigure, better: 'lower', drawn: false },
  { label: 'Size', unit: 'weights on disk', of: ({ bytes }) => bytes, figure: bytesFigure, better: 'lower', drawn: true },
  { label: 'Perplexity', unit: 'per token', of: ({ perplexity }) => perplexity, figure: valueFigure, better: 'lower', drawn: true, floor: 1 },
  { label: 'Bits per byte', of: ({ bitsPerByte }) => bitsPerByte, figure: valueFigure, better: 'lower', drawn: true },
  { label: 'Prefill', unit: 'tokens/s', of: ({ prefillTokensPerSecond }) => prefillTokensPerSecond, figure: valueFigure, better: 'higher', drawn: false },
  { label: 'Decode', unit: 'tokens/s', of: ({ decodeTokensPerSecond }) => decodeTokensPerSecond, figure: valueFigure, better: 'higher', drawn: true },
];

/** Those that at least one variant has. */
export function measuredIn(variants: readonly VariantFacts[]): Measure[] {
  return MEASURES.filter(({ of }) => variants.some((variant) => isMeasured(of(variant))));
}
