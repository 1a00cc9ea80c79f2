import { basename } from 'node:path';
import { checkOptions, ChopError, type Described, named, type Parts, type Place, type Pruner } from '@chop/core';
import { extentOf, type TrainOptions } from '@chop/training';
import { withDefaults } from './defaults.js';
import { checkExport } from './export-options.js';
import {
  calibration,
  type CalibrationChoice,
  type EvaluateStep,
  evaluateStep,
  onlyMethod,
  type Recipe,
  type RecipeStep,
  type TrainStep,
  trainStep,
} from './recipe.js';

type PlaceOf = (path: readonly PropertyKey[]) => Place;
type Options = Record<string, unknown>;

/**
 * A recipe in which every default stands: those of methods and evaluators, those that follow from other options, and those of the run.
 * It means the same when it is read again, key by key. Names and options of all methods are checked meanwhile: a misspelt word in the last step
 * would otherwise be found hours later.
 *
 * @throws {@link UsageError} `METHOD_UNKNOWN`, `OPTION_UNKNOWN`, `OPTION_VALUE`, `TRAIN_LENGTH`, `FORMAT_UNKNOWN`, `DTYPE_UNKNOWN`, `RUNTIME_FORMAT`; with file and line.
 */
export function resolveRecipe(parts: Parts, recipe: Recipe, seed: number, placeOf: PlaceOf): Recipe {
  let [base, measured] = [recipe.model, recipe.model];
  const steps = recipe.steps.map((step, index): RecipeStep => {
    const within: PlaceOf = (path) => placeOf(['steps', index, step.kind, ...path]);
    const resolved = resolveStep(parts, { ...recipe, model: basename(measured), seed }, step, recipe.model, within);
    const made = modelPlace(step, index + 1);
    if (made !== undefined && makesModel(step)) base = made;
    measured = isReadable(step) ? (made ?? measured) : base;
    return resolved;
  });
  return { ...recipe, seed, steps };
}

/** Whether later steps go on from what a step writes. An export is a branch: it is measured, and nothing is made from it. */
export function makesModel({ kind }: Pick<RecipeStep, 'kind'>): boolean {
  return kind === 'prune' || kind === 'train';
}

/** Whether chop reads what a step writes: of an ONNX folder, what it was made from is measured. */
export function isReadable(step: RecipeStep): boolean {
  return step.kind !== 'export' || step.options.format !== 'onnx';
}

/** The folder or file, within the run's folder, into which a step writes its model; `undefined` when it writes none. */
export function modelPlace(step: RecipeStep, number: number): string | undefined {
  if (step.kind === 'export') {
    const { format, dtype } = step.options;
    return `models/${number}-${format}-${dtype}${format === 'gguf' ? '.gguf' : ''}`;
  }
  if (step.kind === 'prune') return `models/${number}-${step.name}`;
  return step.kind === 'train' ? `models/${number}-train` : undefined;
}

/** A step as a recipe has it. */
export function writtenStep(step: RecipeStep): unknown {
  if (step.kind === 'report') return 'report';
  if (step.kind === 'prune') return { prune: { [step.name]: step.set, ...(step.calibration ? { calibration: step.calibration } : {}) } };
  return { [step.kind]: step.options };
}

/** The distiller among the keys of `distill`. */
export function withoutTeacher({ teacher: _teacher, ...distillers }: Options): Options {
  return distillers;
}

function resolveStep(parts: Parts, recipe: Recipe, step: RecipeStep, base: string, placeOf: PlaceOf): RecipeStep {
  if (step.kind === 'prune') {
    const [set, method] = resolveMethod('pruner', parts.pruners, [step.name, step.set], placeOf);
    const text = calibrationOf(recipe, method, set, step.calibration, recipe.data['train'] && 'train');
    return { ...step, set, ...(text ? { calibration: text } : {}) };
  }
  if (step.kind === 'train') return { kind: 'train', options: resolveTraining(parts, recipe, step.options, base, placeOf) };
  if (step.kind === 'evaluate') return { kind: 'evaluate', options: resolveEvaluation(parts, recipe, step.options, placeOf) };
  if (step.kind === 'export')
    placed(
      () => checkExport(step.options),
      ({ facts }) => placeOf([String(facts['option'])]),
    );
  return step;
}

function resolveTraining(parts: Parts, recipe: Recipe, { prune, distill, ...options }: TrainStep, base: string, placeOf: PlaceOf): TrainStep {
  const join = options.join ?? recipe.join;
  const extent = placed(() => extentOf(options as TrainOptions), placeOf([]));
  const [pruneSet, pruner] = prune ? resolveMethod('pruner', parts.pruners, onlyMethod(prune), (path) => placeOf(['prune', ...path])) : [];
  const text = pruner && calibrationOf(recipe, pruner, pruneSet!, options.calibration, options.data);
  const loss = distill && onlyMethod(withoutTeacher(distill));
  const [lossSet] = loss ? resolveMethod('distiller', parts.distillers, loss, (path) => placeOf(['distill', ...path])) : [];
  const valid = options.valid ?? (options.evalEvery !== undefined && recipe.data['valid'] ? 'valid' : undefined);
  return trainStep.parse({
    ...options,
    ...(valid === undefined ? {} : { valid }),
    ...(join === undefined ? {} : { join }),
    seed: options.seed ?? recipe.seed,
    warmupSteps: extent.warmupSteps,
    saveEvery: options.saveEvery ?? extent.saveSteps * extent.tokensPerStep,
    ...(pruner ? { prune: { [pruner.name]: pruneSet! } } : {}),
    ...(loss ? { distill: { [loss[0]]: lossSet, teacher: distill?.['teacher'] ?? base } } : {}),
    ...(text ? { calibration: text } : {}),
  });
}

function resolveEvaluation(parts: Parts, recipe: Recipe, options: EvaluateStep, placeOf: PlaceOf): EvaluateStep {
  const { latency } = options;
  const given = latency === true ? {} : latency;
  return evaluateStep.parse({
    ...options,
    name: options.name ?? recipe.model,
    stride: options.stride ?? options.window,
    latency: given && resolveMethod('evaluator', parts.evaluators, ['latency', given], ([, ...path]) => placeOf(['latency', ...path]))[0],
  });
}

/** What a method that looks at text is given: `data` where nothing is said; `undefined` for one that does not look, and where there is no text. */
function calibrationOf(
  recipe: Recipe,
  method: Pruner,
  set: Options,
  given: CalibrationChoice | undefined,
  data: string | undefined,
): CalibrationChoice | undefined {
  const looks = method.needs(checkOptions(method.options, set, method.name)) !== 'nothing';
  if (given === undefined && !(looks && data !== undefined)) return undefined;
  const join = given?.join ?? recipe.join;
  return calibration.parse({ ...given, data: given?.data ?? data ?? 'train', ...(join === undefined ? {} : { join }) });
}

function resolveMethod<M extends Described<unknown>>(
  kind: 'pruner' | 'distiller' | 'evaluator',
  shelf: ReadonlyMap<string, M>,
  [name, set]: [string, Options],
  placeOf: PlaceOf,
): [Options, M] {
  const method = placed(() => named(kind, shelf, name), placeOf([name]));
  placed(() => checkOptions(method.options, set, name, (path) => placeOf([name, ...path])), placeOf([name]));
  return [withDefaults(method.options, set), method];
}

function placed<T>(check: () => T, place: Place | ((error: ChopError) => Place)): T {
  try {
    return check();
  } catch (error) {
    throw error instanceof ChopError ? error.with({ ...(typeof place === 'function' ? place(error) : place) }) : error;
  }
}
