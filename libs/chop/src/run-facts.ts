import { stat } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import type { CutFacts, RunFacts, TaskScore, VariantFacts } from '@chop/report';
import { readEvents } from '@chop/training';
import { cutOf } from './cut-facts.js';
import { speedFacts } from './speed-facts.js';
import type { ComparedVariant } from './compare.js';
import type { RunRecord } from './record.js';
import type { StepResult } from './run.js';
import type { EvalResult } from './verbs.js';

/** What a plan says that changes nothing. */
const NOTHING = 'nothing changes';
/** Metrics of a task by which it is known where its run does not tell, best first; of a task that has none of them, the first that it has. */
const KNOWN_BY = ['acc', 'exact_match'];

export interface RunSource extends RunRecord {
  /** The run's folder. */
  readonly folder: string;
  /** The model that the run began with. */
  readonly model: string;
  /** As it was resolved. */
  readonly recipe: string;
  /** What the comparison tells that it is a variant of. */
  readonly compared?: ComparedVariant;
}

/** A model of a run, and where the examples of its tasks are told, from the run's folder. */
export interface MeasuredVariant extends VariantFacts {
  readonly samplesFile?: string;
  /** By which of its numbers each task is known. */
  readonly headlines?: Readonly<Record<string, string>>;
}

export interface MeasuredRun extends RunFacts {
  readonly folder: string;
  readonly variants: readonly MeasuredVariant[];
}

/** What a report tells of a run. */
export async function runFacts({ folder, name, model, recipe, seed, machine, versions = {}, steps, compared }: RunSource): Promise<MeasuredRun> {
  const found = await Promise.all(steps.map(async (step) => ({ ...step, model: await placeOf(step.model, folder) })));
  return {
    folder,
    name,
    model,
    seconds: steps.reduce((sum, step) => sum + step.seconds, 0),
    variants: variantsOf(found),
    ...(await trainingFacts(found)),
    ...speedFacts(steps, { name, compared }),
    cuts: await cutsOf(found),
    recipe,
    ...(machine ? { machine } : {}),
    seeds: seed === undefined ? {} : { run: seed },
    versions,
    outputs: await Promise.all(
      steps.flatMap(({ written, kind }) =>
        written ? [placeOf(written.out, folder).then((place) => ({ label: kind, path: relative(folder, place) || place }))] : [],
      ),
    ),
  };
}

/** Where a model of the run lies now: the folder may have been moved since. */
async function placeOf(model: string, folder: string): Promise<string> {
  for (const place of [join(folder, 'models', basename(model)), join(folder, basename(model))]) if (await stat(place).catch(() => undefined)) return place;
  return model;
}

/** The models that were measured, with what it took to make them: cutting and training. */
function variantsOf(steps: readonly StepResult[]): MeasuredVariant[] {
  const variants: MeasuredVariant[] = [];
  let [seconds, trainingTokens] = [0, 0];
  for (const { kind, written, evaluation, seconds: spent } of steps) {
    if (kind === 'prune' || kind === 'train') seconds += spent;
    if (written && 'tokens' in written) trainingTokens += written.tokens;
    if (evaluation) variants.push({ ...variant(evaluation), seconds, trainingTokens });
  }
  return variants;
}

function variant({
  name,
  parameters,
  bytes,
  layers,
  perplexity,
  latency,
  sample,
  samplesFile,
  ...rest
}: NonNullable<StepResult['evaluation']>): MeasuredVariant {
  const tasks = scoresOf(rest.tasks ?? {}, rest.headlines);
  return {
    name,
    parameters,
    bytes,
    layers,
    ...(perplexity ? { perplexity: perplexity.value } : {}),
    ...(perplexity?.bitsPerByte === undefined ? {} : { bitsPerByte: perplexity.bitsPerByte }),
    ...(latency ? { prefillTokensPerSecond: latency.prefill.tokensPerSecond, decodeTokensPerSecond: latency.decode.tokensPerSecond } : {}),
    ...(tasks.length > 0 ? { tasks } : {}),
    ...(samplesFile === undefined ? {} : { samplesFile }),
    ...(rest.headlines ? { headlines: rest.headlines } : {}),
    ...(sample ? { sample: { ...sample, text: sample.text.slice(sample.prompt.length) } } : {}),
  };
}

/** One score a task. */
function scoresOf(tasks: NonNullable<EvalResult['tasks']>, headlines: EvalResult['headlines'] = {}): TaskScore[] {
  return Object.entries(tasks).flatMap(([name, { n, ...metrics }]) => {
    const metric = headlines[name] ?? KNOWN_BY.find((known) => metrics[known] !== undefined) ?? Object.keys(metrics).find((key) => !key.includes('_stderr'));
    if (metric === undefined) return [];
    const [plain, filter] = metric.split(',') as [string, string?];
    const stderr = metrics[[`${plain}_stderr`, ...(filter === undefined ? [] : [filter])].join(',')];
    return [{ name, metric, value: metrics[metric]!, n, ...(stderr === undefined ? {} : { stderr }) }];
  });
}

/** What each step took away, from the plan that lies beside its model. */
async function cutsOf(steps: readonly StepResult[]): Promise<CutFacts[]> {
  const cuts: CutFacts[] = [];
  for (const { kind, model, explanation, keptLayers } of steps) {
    if ((kind !== 'prune' && kind !== 'train') || explanation === undefined || explanation === NOTHING) continue;
    const layers = keptLayers ? { layers: { total: keptLayers.total, kept: [...keptLayers.kept] } } : {};
    cuts.push({ name: basename(model).replace(/^\d+-/, ''), plan: explanation, ...layers, ...(await cutOf(model)) });
  }
  return cuts;
}

/** The curve of each training step; a later one goes on where the one before ended. */
async function trainingFacts(steps: readonly StepResult[]): Promise<Pick<RunFacts, 'curves' | 'evaluations' | 'best'>> {
  const curves: RunFacts['curves'][number][] = [];
  const evaluations: RunFacts['evaluations'][number][] = [];
  let before = { tokens: 0, seconds: 0 };
  let best: RunFacts['best'];
  for (const { model } of steps.filter(({ kind }) => kind === 'train')) {
    let { seconds } = before;
    const points: RunFacts['curves'][number]['points'][number][] = [];
    for (const event of await readEvents(join(model, 'training.jsonl'))) {
      const tokens = before.tokens + ('tokens' in event ? event.tokens : 0);
      if (event.type === 'step') points.push({ step: event.step, tokens, seconds: (seconds += event.seconds), loss: event.loss });
      if (event.type === 'evaluation' && event.best) best = { tokens, score: 'watched score', stopped: false };
      if (event.type === 'stop' && best) best = { ...best, score: event.watched, stopped: true };
      if (event.type === 'evaluation') evaluations.push(...Object.entries(event.scores).map(([name, value]) => ({ name, tokens, value })));
    }
    curves.push({ name: curves.length === 0 ? 'training loss' : `training loss ${curves.length + 1}`, points });
    before = { tokens: points.at(-1)?.tokens ?? before.tokens, seconds };
  }
  return { curves, evaluations, ...(best ? { best } : {}) };
}
