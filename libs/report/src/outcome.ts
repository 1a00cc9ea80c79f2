import type { ReportFacts, RunFacts, VariantFacts } from './facts.js';
import { countFigure, isMeasured, secondsFigure, valueFigure } from './figures.js';
import { type Measure, qualityOf } from './measure.js';

/** The three moments of a run that has them: what came in, what the cut left, what training made of it. */
export interface Outcome {
  readonly before: VariantFacts | undefined;
  readonly cut: VariantFacts | undefined;
  readonly recovered: VariantFacts | undefined;
  /** Seen in training; undefined without training. */
  readonly tokens: number | undefined;
}

/** Of the measured variants the first, the second, and the last where there are three. */
export function outcomeOf({ variants, curves }: RunFacts): Outcome {
  const tokens = curves.map(({ points }) => points.at(-1)?.tokens).filter(isMeasured);
  return {
    before: variants[0],
    cut: variants[1],
    recovered: variants.length > 2 ? variants.at(-1) : undefined,
    tokens: tokens.length > 0 ? tokens.reduce((sum, count) => sum + count, 0) : undefined,
  };
}

/**
 * The share of the cut's damage that training undid: (cut − recovered) / (cut − before), in bits per byte, else in the logarithm of perplexity (the loss itself).
 * Undefined where something is missing or the cut did no damage.
 */
export function wonBack({ before, cut, recovered }: Outcome): number | undefined {
  for (const loss of [({ bitsPerByte }: VariantFacts) => bitsPerByte, ({ perplexity = NaN }: VariantFacts) => Math.log(perplexity)]) {
    const [from, to, end] = [before, cut, recovered].map((variant) => variant && loss(variant));
    if (isMeasured(from) && isMeasured(to) && isMeasured(end) && to > from) return (to - end) / (to - from);
  }
  return undefined;
}

/** The variant that is best in a measure; undefined where not two have it, or all are the same. */
export function bestOf({ of, better }: Pick<Measure, 'of' | 'better'>, variants: readonly VariantFacts[]): VariantFacts | undefined {
  const measured = variants.filter((variant) => isMeasured(of(variant)));
  if (new Set(measured.map(of)).size < 2) return undefined;
  const sorted = [...measured].sort((a, b) => of(a)! - of(b)!);
  return better === 'higher' ? sorted.at(-1) : sorted[0];
}

/** What was done, in one sentence. */
export function sentenceOf({ runs }: ReportFacts): string {
  if (runs.length === 1) return sentenceOfRun(runs[0]!);
  const [first, ...made] = runs.flatMap((run) => run.variants);
  const models = [...new Set(runs.map(({ model }) => model))];
  const start = `${made.length} models made${models.length === 1 ? ` from ${models[0]}` : ''} in ${runs.length} runs`;
  const quality = qualityOf(made);
  const best = quality && bestOf(quality, made);
  if (!first || !best) return `${start}.`;
  const figure = (variant: VariantFacts): string => `${quality.figure(quality.of(variant))}${quality.unit?.startsWith('%') ? ' %' : ''}`;
  const reference = isMeasured(quality.of(first)) ? `; ${first.name} has ${figure(first)}` : '';
  return `${start}: ${best.name} has the ${quality.better === 'higher' ? 'highest' : 'lowest'} ${quality.label.toLowerCase()}, ${figure(best)}${reference}.`;
}

function sentenceOfRun(facts: RunFacts): string {
  const outcome = outcomeOf(facts);
  const { before, cut } = outcome;
  if (!before) return `${facts.model} went through ${facts.name} in ${secondsFigure(facts.seconds)}.`;
  if (!cut) {
    const score = isMeasured(before.perplexity) ? ` and has a perplexity of ${valueFigure(before.perplexity)}` : '';
    return `${facts.model} has ${countFigure(before.parameters)} parameters${score}.`;
  }
  return `${shrinking(facts.model, before, outcome.recovered ?? cut)}${scores(outcome)}.`;
}

function shrinking(model: string, before: VariantFacts, after: VariantFacts): string {
  if (after.layers < before.layers) return `${model} went from ${before.layers} to ${after.layers} layers`;
  if (after.parameters === before.parameters) return `${model} kept its ${countFigure(before.parameters)} parameters`;
  return `${model} went from ${countFigure(before.parameters)} to ${countFigure(after.parameters)} parameters`;
}

function scores({ before, cut, recovered, tokens }: Outcome): string {
  if (!isMeasured(before?.perplexity) || !isMeasured(cut?.perplexity)) return '';
  const damage = `; its perplexity ${moved(before.perplexity, cut.perplexity)} from ${valueFigure(before.perplexity)} to ${valueFigure(cut.perplexity)}`;
  if (!isMeasured(recovered?.perplexity)) return damage;
  const training = tokens === undefined ? 'what followed' : `training on ${countFigure(tokens)} tokens`;
  return `${damage}, and ${training} ${recovered.perplexity < cut.perplexity ? 'brought it down to' : 'left it at'} ${valueFigure(recovered.perplexity)}`;
}

function moved(from: number, to: number): string {
  return to > from ? 'rose' : 'went';
}
