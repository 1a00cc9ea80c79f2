import { readFile } from 'node:fs/promises';
import { checkOptions, type Parts, type Place, shown, UsageError } from '@chop/core';
import { PlacedYaml } from '@chop/data';
import { trainOptions } from '@chop/training';
import { z } from 'zod';
import { exportStep } from './export-options.js';

const words = z.union([z.string(), z.array(z.string())]).transform((given) => (typeof given === 'string' ? given.split(/\s+/) : given));
const choice = z
  .record(z.string(), z.record(z.string(), z.unknown()).nullish())
  .refine((methods) => Object.keys(methods).length === 1, 'exactly one method with its options');
/** What is said of calibration text, with its defaults. */
export const calibration = z.strictObject({
  data: z.string().optional().describe('a name of data, or DATA'),
  samples: z.number().int().min(1).default(128),
  window: z.number().int().min(1).default(512),
  join: z.string().optional(),
});

/** The keys of a step that measures. */
export const evaluateStep = z.strictObject({
  name: z.string().optional().describe('what the report calls the model as it is now'),
  perplexity: z.string().optional().describe('a name of data, or DATA'),
  window: z.number().int().min(2).default(512),
  stride: z.number().int().min(1).optional(),
  windows: z.number().int().min(1).optional(),
  bos: z.boolean().default(false),
  latency: z.union([z.boolean(), z.record(z.string(), z.unknown())]).default(false),
  tasks: z.array(z.string()).min(1).optional().describe("names of tasks, groups and tags in lm-eval's YAML"),
  tasksDir: z.array(z.string()).default([]).describe('folders of more tasks'),
  taskData: z.record(z.string(), z.string()).default({}).describe('files by TASK or TASK:SPLIT'),
  limit: z.number().int().min(1).optional().describe('the first so many examples of each task'),
  numFewshot: z.number().int().min(0).optional().describe('examples with answers before each question'),
  sample: z.string().optional().describe('a prompt that the model continues'),
  sampleTokens: z.number().int().min(1).default(48),
});
/** The keys of a step that trains: those of training, its text, and its methods. */
export const trainStep = trainOptions.extend({
  seed: trainOptions.shape.seed.unwrap().optional().describe('by default that of the recipe'),
  data: z.string().default('train').describe('a name of data, or DATA'),
  prune: choice.optional(),
  distill: z
    .record(z.string(), z.unknown())
    .refine((given) => Object.keys(given).filter((key) => key !== 'teacher').length === 1, 'exactly one distiller with its options, and teacher: MODEL')
    .optional()
    .describe('one distiller with its options, and teacher: MODEL'),
  calibration: calibration.optional(),
  valid: z.string().optional().describe('data for evaluations during training; by default the data called valid'),
});

const step = z.union([
  z.literal('report'),
  z.strictObject({ evaluate: evaluateStep }),
  z.strictObject({ prune: z.record(z.string(), z.unknown()) }),
  z.strictObject({ train: trainStep }),
  z.strictObject({ export: exportStep }),
]);

const recipe = z.strictObject({
  name: z.string().regex(/^[\w.-]+$/, 'letters, digits, dots and dashes: it names the run folder'),
  model: z.string(),
  data: z.record(z.string(), words).default({}),
  join: z.string().optional().describe('text put between documents; by default the end-of-text token'),
  plugins: z.array(z.string()).default([]),
  seed: z.number().int().min(0).default(0),
  memoryLimit: z.union([z.number(), z.string()]).optional().describe('4GB, or bytes: what will need more is refused before it starts'),
  steps: z.array(z.unknown()).min(1),
});

export type EvaluateStep = z.output<typeof evaluateStep>;
export type TrainStep = z.output<typeof trainStep>;
export type ExportStep = z.output<typeof exportStep>;
export type CalibrationChoice = z.output<typeof calibration>;
/** One step of a recipe. */
export type RecipeStep =
  | { readonly kind: 'evaluate'; readonly options: EvaluateStep }
  | { readonly kind: 'prune'; readonly name: string; readonly set: Record<string, unknown>; readonly calibration?: CalibrationChoice }
  | { readonly kind: 'train'; readonly options: TrainStep }
  | { readonly kind: 'export'; readonly options: ExportStep }
  | { readonly kind: 'report' };

/** A recipe that was read and checked. */
export interface Recipe extends Omit<z.output<typeof recipe>, 'steps'> {
  readonly steps: readonly RecipeStep[];
}

const STEPS = { evaluate: evaluateStep, train: trainStep, export: exportStep } as const;
const KINDS = ['evaluate', 'prune', 'train', 'export', 'report'] as const;

/**
 * Reads a recipe (YAML 1.2). Methods' own options are checked when the plugins are there: `resolveRecipe`. With it comes a function that
 * tells where in the file something of it stands.
 *
 * @throws {@link UsageError} `RECIPE_SYNTAX`, `OPTION_UNKNOWN` (names the nearest key), `OPTION_VALUE`; with file and line.
 */
export async function readRecipe(file: string): Promise<{ recipe: Recipe; placeOf: PlaceOf }> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) =>
    Promise.reject(new UsageError('RECIPE_MISSING', { file, found: 'no readable file', expected: 'a recipe', remedy: 'Check the path.', cause })),
  );
  const yaml = new PlacedYaml(text, file);
  if (yaml.broken) {
    const { line, message } = yaml.broken;
    throw new UsageError('RECIPE_SYNTAX', { file, line, found: message, expected: 'YAML 1.2', remedy: 'Mend that line, or quote what stands there.' });
  }
  const placeOf: PlaceOf = (path) => yaml.placeOf(path);
  const { steps, ...rest } = checkOptions(recipe, yaml.value ?? {}, 'recipe', placeOf);
  return { recipe: { ...rest, steps: steps.map((given, index) => readStep(given, (path) => placeOf(['steps', index, ...path]))) }, placeOf };
}

type PlaceOf = (path: readonly PropertyKey[]) => Place;

function readStep(given: unknown, placeOf: PlaceOf): RecipeStep {
  if (given === 'report') return { kind: 'report' };
  const [kind, ...others] = given !== null && typeof given === 'object' ? Object.keys(given) : [];
  if (kind === undefined || others.length > 0)
    throw new UsageError('OPTION_VALUE', {
      ...placeOf([]),
      found: `a step ${shown(given)}`,
      expected: `one of ${KINDS.join(', ')} with its options`,
      remedy: 'Write each step as an entry of its own: - prune: { layer-chop: { keep: 15 } }',
    });
  const within: PlaceOf = (path) => placeOf([kind, ...path]);
  const options = (given as Record<string, unknown>)[kind] ?? {};
  if (kind === 'prune') return readPrune(options as Record<string, unknown>, within);
  if (Object.hasOwn(STEPS, kind)) return { kind, options: checkOptions(STEPS[kind as keyof typeof STEPS] as z.ZodType, options, kind, within) } as RecipeStep;
  checkOptions(z.strictObject(Object.fromEntries(KINDS.map((name) => [name, z.unknown().optional()]))), given, 'steps', placeOf);
  throw new UsageError('OPTION_VALUE', { ...placeOf([]), found: `step ${kind} with options`, expected: kind, remedy: `Write it alone: - ${kind}` });
}

function readPrune({ calibration: given, ...methods }: Record<string, unknown>, placeOf: PlaceOf): RecipeStep {
  const [name, set] = onlyMethod(checkOptions(choice, methods, 'prune', placeOf));
  return {
    kind: 'prune',
    name,
    set,
    ...(given === undefined ? {} : { calibration: checkOptions(calibration, given, 'prune.calibration', (path) => placeOf(['calibration', ...path])) }),
  };
}

/** The one method of `{ layer-chop: { keep: 4 } }`. */
export function onlyMethod(methods: Record<string, unknown>): [string, Record<string, unknown>] {
  const [name, set] = Object.entries(methods)[0]!;
  return [name, (set ?? {}) as Record<string, unknown>];
}

/** JSON Schema of recipes, with the options of every method that is loaded. */
export function recipeJsonSchema(parts: Parts): object {
  const methods = (shelf: ReadonlyMap<string, { options: z.ZodType }>): object =>
    Object.fromEntries([...shelf].map(([name, { options }]) => [name, z.toJSONSchema(options, { io: 'input' })]));
  return {
    ...z.toJSONSchema(recipe.extend({ steps: z.array(step) }), { io: 'input' }),
    $defs: { pruners: methods(parts.pruners), distillers: methods(parts.distillers) },
  };
}
