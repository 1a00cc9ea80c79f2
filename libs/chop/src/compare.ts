import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { throwIfAborted, UsageError } from '@chop/core';
import { type BreakEven, breakEven, type LatencyResult, type SpeedUps } from '@chop/eval';
import { atomicFile, removeFolder } from '@chop/formats';
import { type Budget, checkBudget, pilotOf, tokensWithin, withTokens } from './budget.js';
import type { Chop } from './compose.js';
import { engineFor } from './evaluate.js';
import type { Recipe } from './recipe.js';
import type { Cached, Common } from './request.js';
import { modelPlace } from './resolve.js';
import type { RunResult, StepResult } from './run.js';
import { timeSideBySide } from './side-by-side.js';
import { begunRecipe, readVariants, runAfter, sharedSteps, type Variant } from './variant.js';

export interface CompareRequest extends Common, Cached, Budget {
  /** The folder of the comparison, with a run folder for each variant; by default `runs/` and their names. */
  readonly out?: string;
  /** Times each variant beside the model that it was made from, in turns; with options of `latency`. */
  readonly latency?: boolean | Readonly<Record<string, unknown>>;
  readonly resume?: boolean;
  readonly force?: boolean;
}

/** One variant when it is done. */
export interface ComparedVariant {
  readonly name: string;
  /** Its run folder. */
  readonly out: string;
  readonly model: string;
  /** Tokens that it was trained on. */
  readonly tokens: number;
  readonly pruneSeconds: number;
  readonly trainSeconds: number;
  /** How many of its steps were done with an earlier variant's. */
  readonly sharedSteps: number;
  /** The last that its recipe measured of it. */
  readonly evaluation?: NonNullable<StepResult['evaluation']>;
  readonly latency?: LatencyResult;
  /** That of the base, in turns with it. */
  readonly baseLatency?: LatencyResult;
  /** The most that the engine has held in this process so far: while both models were timed, or trained before. */
  readonly peakBytes?: number;
  /** Over the base, timed in turns with it. */
  readonly speedUps?: readonly SpeedUps[];
  /** Queries (of the first batch and context) after which pruning and training have paid. */
  readonly breakEven?: BreakEven;
}

/** Variants of one model side by side. */
export interface Comparison {
  readonly out: string;
  readonly base: { readonly model: string; readonly evaluation?: NonNullable<StepResult['evaluation']> };
  readonly budget: Budget;
  readonly variants: readonly ComparedVariant[];
  /** Wall time of all of it. */
  readonly seconds: number;
  readonly files: readonly string[];
}

/** What lies in the folder of a comparison beside the runs of its variants: the table as JSON, the page, and the pilots of a budget of seconds. */
export const COMPARISON_FILES = { table: 'comparison.json', page: 'report.html', pilots: 'pilots' } as const;

/**
 * `chop compare`: runs several recipes for one model under an equal budget, each into a run folder of its own. Steps that recipes begin with in common
 * (the base's scores, a cut, a first training) are done once. The table and a page on all of them lie in the folder of the comparison. A budget of seconds is turned into tokens by a pilot of a few steps of each variant's own training.
 *
 * @throws {@link UsageError} `COMPARE_RECIPES`, `COMPARE_BUDGET`, `OUTPUT_EXISTS`, `OUTPUT_FOREIGN`
 */
export async function compare(chop: Chop, files: readonly string[], request: CompareRequest): Promise<Comparison> {
  const { tokens, seconds, latency, resume = false, force = false, out: given, ...common } = request;
  const budget = { ...(tokens === undefined ? {} : { tokens }), ...(seconds === undefined ? {} : { seconds }) };
  const variants = await readVariants(chop, files, { seed: common.seed, taken: Object.values(COMPARISON_FILES) });
  checkBudget(variants, budget);
  const out = given ?? join('runs', variants.map(({ recipe }) => recipe.name).join('-vs-'));
  await prepare(out, [...variants.map(({ recipe }) => recipe.name), ...Object.values(COMPARISON_FILES)], { resume, force });
  const started = performance.now();
  const done: Done[] = [];
  for (const variant of variants) {
    throwIfAborted(common.signal);
    common.onMessage?.(`variant ${done.length + 1} of ${variants.length}: ${variant.recipe.name}`);
    done.push(await perform(variant, out, budget, done, common));
  }
  const { model } = variants[0]!.recipe;
  const compared: ComparedVariant[] = [];
  for (const each of done) compared.push({ ...factsOf(each), ...(latency ? await timed(chop, model, each, latency === true ? {} : latency, common) : {}) });
  const measured = done.flatMap(({ result }) => result.steps).find(({ evaluation }) => evaluation?.model === model)?.evaluation;
  const [file, page] = [join(out, COMPARISON_FILES.table), join(out, COMPARISON_FILES.page)];
  const comparison: Comparison = {
    out,
    base: { model, ...(measured ? { evaluation: measured } : {}) },
    budget,
    variants: compared,
    seconds: (performance.now() - started) / 1000,
    files: [file, page],
  };
  await atomicFile(file, `${JSON.stringify(comparison, undefined, 1)}\n`);
  await (await import('./report.js')).report([out], { out: page, title: basename(out), force: true });
  return comparison;
}

interface Done {
  readonly resolved: Recipe;
  readonly result: RunResult;
  readonly shared: number;
}

async function perform(
  { chop, recipe, resolve }: Variant,
  out: string,
  { tokens, seconds }: Budget,
  done: readonly Done[],
  request: Common & Cached,
): Promise<Done> {
  const folder = join(out, recipe.name);
  let others = done;
  let budgeted = tokens === undefined ? recipe : withTokens(recipe, tokens);
  const pilot = seconds === undefined ? undefined : pilotOf(recipe);
  const begun = pilot && (await begunRecipe(folder));
  if (begun) budgeted = begun;
  else if (pilot) {
    const piloted = await runPilot({ chop, recipe: resolve(pilot) }, join(out, COMPARISON_FILES.pilots, recipe.name), done, request);
    budgeted = withTokens(recipe, tokensWithin(recipe, seconds!, piloted.tokensPerSecond));
    others = [...done, piloted];
  }
  const resolved = resolve(budgeted);
  const { before, own } = beforehand(resolved, others, done);
  return { resolved, result: await runAfter(chop, resolved, folder, before, request), shared: own };
}

/** The steps of a recipe that are done already, and how many of them another variant has done. */
function beforehand(resolved: Recipe, others: readonly Done[], done: readonly Done[]): { before: readonly StepResult[]; own: number } {
  const common = (each: Done): number => sharedSteps(resolved, each.resolved);
  const nearest = others.reduce<Done | undefined>((best, each) => (common(each) > (best ? common(best) : 0) ? each : best), undefined);
  return { before: nearest?.result.steps.slice(0, common(nearest)) ?? [], own: Math.max(0, ...done.map(common)) };
}

/** A few steps of training, for their speed; what the recipe does before stays for the variant itself. */
async function runPilot(
  { chop, recipe }: Pick<Variant, 'chop' | 'recipe'>,
  out: string,
  done: readonly Done[],
  request: Common & Cached,
): Promise<Done & { readonly tokensPerSecond: number }> {
  const { before } = beforehand(recipe, done, done);
  const result = await runAfter(chop, recipe, out, before, request);
  const { written } = result.steps.at(-1)!;
  await removeFolder(join(out, modelPlace(recipe.steps.at(-1)!, recipe.steps.length)!));
  return {
    resolved: { ...recipe, steps: recipe.steps.slice(0, -1) },
    result,
    shared: 0,
    tokensPerSecond: (written as { tokensPerSecond: number }).tokensPerSecond,
  };
}

function factsOf({ resolved, result: { name, out, model, steps }, shared }: Done): ComparedVariant {
  const seconds = (kind: StepResult['kind']): number => steps.filter((step) => step.kind === kind).reduce((sum, step) => sum + step.seconds, 0);
  const evaluation = steps.findLast((step) => step.evaluation && step.evaluation.model !== resolved.model)?.evaluation;
  return {
    name,
    out,
    model,
    tokens: steps.reduce((sum, { kind, written }) => sum + (kind === 'train' && written && 'tokens' in written ? written.tokens : 0), 0),
    pruneSeconds: seconds('prune'),
    trainSeconds: seconds('train'),
    sharedSteps: shared,
    ...(evaluation ? { evaluation } : {}),
  };
}

async function timed(
  chop: Chop,
  base: string,
  done: Done,
  options: unknown,
  request: Common,
): Promise<Pick<ComparedVariant, 'latency' | 'baseLatency' | 'peakBytes' | 'speedUps' | 'breakEven'>> {
  const { model } = done.result;
  const { results, speedUps, peakBytes } = await timeSideBySide(chop.parts, { base, variant: model }, options, {
    ...request,
    engine: await engineFor(request),
  });
  const { pruneSeconds, trainSeconds } = factsOf(done);
  const baseSeconds = results.base.settings[0]!.query.median / 1000;
  const { query } = speedUps.variant![0]!;
  return {
    latency: results.variant,
    baseLatency: results.base,
    peakBytes,
    speedUps: speedUps.variant!,
    breakEven: breakEven({
      pruneSeconds,
      recoverySeconds: trainSeconds,
      baseSeconds,
      // Of pairs in turns, which noise hits alike: medians of each alone may say the contrary.
      compressedSeconds: baseSeconds / query.median,
      speedUpRange: query,
    }),
  };
}

/** A comparison needs a place of its own, unless it goes on; only what it made itself is replaced. */
async function prepare(out: string, own: readonly string[], { resume, force }: { resume: boolean; force: boolean }): Promise<void> {
  if (resume || (await stat(out).catch(() => undefined)) === undefined) return;
  if (!force)
    throw new UsageError('OUTPUT_EXISTS', {
      file: out,
      found: 'something there already',
      expected: 'a new folder',
      remedy: 'Go on with --resume, replace it with --force, or choose another --out.',
    });
  const foreign = (await readdir(out)).find((name) => !own.includes(name));
  if (foreign !== undefined)
    throw new UsageError('OUTPUT_FOREIGN', {
      file: out,
      found: `${JSON.stringify(foreign)} in it`,
      expected: 'what an earlier comparison of these recipes has left',
      remedy: 'Move it away yourself, or choose another --out.',
    });
  await removeFolder(out);
}
