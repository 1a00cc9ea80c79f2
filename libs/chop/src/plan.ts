import { checkOptions, type Configured, drive, MethodSession, type Pruner, Random, UsageError } from '@chop/core';
import { type Engine, packBits, packedServesManyRows, startEngine, withFloatChains, withPackedWeights, zeroDropped } from '@chop/kernels';
import { sweepMemory } from '@chop/training';
import { CALIBRATION_SAMPLES, CALIBRATION_WINDOW, calibrationWindows } from './calibrate.js';
import { withDefaults } from './defaults.js';
import { checkLoaders, inWholeBlocks, type LoaderName } from './loaders.js';
import { checkMemory, engineOptions, withinMemory } from './memory-limit.js';
import { MadePlan, summaryOf } from './made-plan.js';
import type { OpenModel } from './opened.js';
import type { Calibration } from './verbs.js';
import type { Common } from './request.js';

/** How a method is run over a model, and the text that it looks at. */
export interface PlanRequest extends Common, Calibration {
  /** Programs that must take the result: sizes that a method chooses are whole blocks there, and a result that one of them cannot load is refused. */
  readonly for?: readonly LoaderName[];
}

/**
 * Runs a method over a model, which stays as it is, and returns what it would do.
 *
 * @throws {@link UsageError} `OPTION_UNKNOWN`, `OPTION_VALUE`, `METHOD_NEEDS_TRAINING`, `SESSION_NEEDS_TEXT`, `LOADER_REFUSES`
 */
export async function planModel(opened: OpenModel, configured: Configured<Pruner>, request: PlanRequest): Promise<MadePlan> {
  const { method, options: given } = inWholeBlocks(configured, request.for ?? []);
  const started = performance.now();
  const { seed = 0, signal, onProgress, onMessage, memoryLimit: limit } = request;
  const savings = { samples: request.samples ?? CALIBRATION_SAMPLES, window: request.window ?? CALIBRATION_WINDOW };
  const options = checkOptions(method.options, given, method.name);
  const needs = method.needs(options);
  if (needs === 'training') {
    throw new UsageError('METHOD_NEEDS_TRAINING', {
      found: `${method.name}, which trains while it prunes with these options`,
      expected: 'a training run around it',
      remedy: `Use chop train ${opened.source} --prune ${method.name} --data DATA --tokens N --out DIR.`,
    });
  }
  const text = calibrationWindows(request, () => opened.tokenizer(), request);
  if (needs === 'text' && !text) {
    throw new UsageError('SESSION_NEEDS_TEXT', {
      found: 'no calibration text',
      expected: `text for ${method.name}, which looks at activations`,
      remedy: 'Give --data DATA (for example --data embedded).',
    });
  }
  const model = opened.family.model(opened.blueprint);
  const random = Random.of(seed, 'method', 0);
  let packs = false;
  const foretold = async (): Promise<Engine> => {
    const engine = await startEngine(engineOptions(request));
    packs = packedServesManyRows(engine);
    if (needs === 'text') checkMemory(sweepMemory(opened.blueprint, savings, { native: engine.native !== undefined }), { limit, savings, onMessage });
    return engine;
  };
  // A session asks before each pass. Memory is told and looked at before the first: later, what is not free is the work's own.
  let engine: Promise<Engine> | undefined;
  const session = new MethodSession({
    model,
    checkpoint: opened.checkpoint,
    random: () => random,
    everywhereAlike: withFloatChains,
    zeroDropped,
    packBits,
    withMasked: (weights, run) => (packs ? withPackedWeights(weights, run) : run()),
    ready: () => (engine ??= foretold()),
    ...(text ? { text } : {}),
    ...(signal ? { signal } : {}),
    onBlock: (done, total) => onProgress?.({ phase: method.name, done, total }),
  });
  const plan = await withinMemory({ limit, savings }, () => drive(method.plan(session, options), session, method.name));
  model.drop();
  plan.after.checkUniform();
  checkLoaders({ family: opened.family, blueprint: plan.after }, request.for ?? []);
  // Indices that were chosen without a look at the weights are right for every model of these sizes.
  const ofThisModel = needs !== 'nothing' || session.sawWeights || plan.masks.size > 0 || plan.replacements.size > 0;
  const made = { strategy: method.name, options: withDefaults(method.options, given as Record<string, unknown>), seed, source: opened.source };
  const saved = { plan, made, fingerprint: ofThisModel ? await opened.fingerprint() : undefined };
  return new MadePlan(saved, summaryOf(opened, saved, started));
}
