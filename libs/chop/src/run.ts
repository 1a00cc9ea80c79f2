import { mkdir, readFile, stat } from 'node:fs/promises';
import { basename, join, resolve, sep } from 'node:path';
import { throwIfAborted, UsageError } from '@chop/core';
import { prepareTasks } from '@chop/eval';
import { atomicFile, outputError, removeStale } from '@chop/formats';
import { startEngine } from '@chop/kernels';
import { readEvents, type TrainOptionsInput } from '@chop/training';
import { stringify } from 'yaml';
import type { Chop } from './compose.js';
import { engineFor, measure } from './evaluate.js';
import { checkExports, checkFits } from './export-fit.js';
import { continueText } from './generate.js';
import { hubData } from './hub-data.js';
import { limitBytes } from './memory-limit.js';
import { type CalibrationChoice, onlyMethod, type Recipe, readRecipe, type RecipeStep, type TrainStep } from './recipe.js';
import { machineOf, readRecord, writeRecord } from './record.js';
import { beginRun } from './run-folder.js';
import { isReadable, makesModel, modelPlace, resolveRecipe, withoutTeacher, writtenStep } from './resolve.js';
import type { SaveRequest } from './save.js';
import type { Calibration, EvalResult, TrainResult, WrittenResult } from './verbs.js';
import type { Cached, Common } from './request.js';

export interface RunRequest extends Common, Cached {
  /** The run folder; by default `runs/<name>`. */
  readonly out?: string;
  readonly resume?: boolean;
  readonly force?: boolean;
}

/** What one step of a run left behind. */
export interface StepResult {
  readonly step: number;
  readonly kind: RecipeStep['kind'];
  /** The model after the step: what is measured next. */
  readonly model: string;
  readonly seconds: number;
  readonly evaluation?: EvalResult & { readonly name: string; readonly layers: number; readonly sample?: { readonly prompt: string; readonly text: string } };
  readonly written?: WrittenResult | (WrittenResult & TrainResult);
  /** What was pruned, in words. */
  readonly explanation?: string;
  readonly keptLayers?: { readonly total: number; readonly kept: readonly number[] };
}

/** What a run has left behind. */
export interface RunResult {
  readonly out: string;
  readonly name: string;
  /** The model after the last step. */
  readonly model: string;
  readonly steps: readonly StepResult[];
  readonly seconds: number;
  readonly files: readonly string[];
  readonly report?: string;
}

/**
 * `chop run`: the steps of a recipe, one after the other, into a run folder. A run that was cut off goes on with `resume`
 * at the step, and within training at the snapshot, where it stopped.
 */
export async function run(chop: Chop, file: string, request: RunRequest): Promise<RunResult> {
  const { recipe, placeOf } = await readRecipe(file);
  const out = request.out ?? join('runs', recipe.name);
  const seed = request.seed ?? recipe.seed;
  const composed = await chop.with(recipe.plugins);
  const memoryLimit = request.memoryLimit ?? recipe.memoryLimit;
  if (memoryLimit !== undefined) limitBytes(memoryLimit);
  const resolved = resolveRecipe(composed.parts, recipe, seed, placeOf);
  if (!request.resume) await checkExports(composed, resolved, request);
  const text = stringify({ ...resolved, steps: resolved.steps.map(writtenStep) });
  try {
    await prepare(out, text, request);
    return await new Runner(composed, resolved, out, { ...request, seed, ...(memoryLimit === undefined ? {} : { memoryLimit }) }, text).run();
  } catch (error) {
    throw isWithin(out, error) ? outputError(error, out) : error;
  }
}

/** Whether the system refused something within the run folder: it cannot be made, or it has vanished while chop worked in it. */
function isWithin(out: string, error: unknown): boolean {
  const { path } = error as NodeJS.ErrnoException;
  return typeof path === 'string' && `${resolve(path)}${sep}`.startsWith(`${resolve(out)}${sep}`);
}

class Runner {
  readonly #chop: Chop;
  readonly #recipe: Recipe;
  readonly #out: string;
  readonly #request: RunRequest & { seed: number };
  readonly #resolved: string;
  readonly #done: StepResult[] = [];

  constructor(chop: Chop, recipe: Recipe, out: string, request: RunRequest & { seed: number }, resolved: string) {
    this.#chop = chop;
    this.#recipe = recipe;
    this.#out = out;
    this.#request = request;
    this.#resolved = resolved;
  }

  async run(): Promise<RunResult> {
    const { steps, model, name } = this.#recipe;
    const before = this.#request.resume ? await readRecord(this.#out) : undefined;
    this.#done.push(...(before?.steps ?? []));
    const { created = new Date().toISOString() } = before ?? {};
    let machine = before?.machine;
    for (const [index, step] of steps.entries()) {
      if (index < this.#done.length) continue;
      throwIfAborted(this.#request.signal);
      const started = performance.now();
      this.#request.onMessage?.(`step ${index + 1} of ${steps.length}: ${title(step)}`);
      const base = this.#done.findLast(makesModel)?.model ?? model;
      const from = makesModel(step) || step.kind === 'export' ? base : (this.#done.at(-1)?.model ?? model);
      const result = await this.#perform(step, index + 1, from).finally(() => this.#stillThere());
      this.#done.push({ step: index + 1, kind: step.kind, model: from, ...result, seconds: (performance.now() - started) / 1000 });
      // Other steps may need no engine, and starting one takes its time.
      if (step.kind === 'evaluate' || step.kind === 'train') machine = machineOf(await startEngine());
      const record = { name, created, seed: this.#request.seed, ...(machine ? { machine } : {}), versions: this.#chop.versions(), steps: this.#done };
      await writeRecord(this.#out, record);
    }
    const report = steps.some(({ kind }) => kind === 'report') ? join(this.#out, 'report.html') : undefined;
    return {
      out: this.#out,
      name,
      model: this.#done.at(-1)!.model,
      steps: this.#done,
      seconds: this.#done.reduce((sum, { seconds }) => sum + seconds, 0),
      files: ['recipe.yaml', 'results.json', 'events.jsonl'].map((file) => join(this.#out, file)).concat(report ?? []),
      ...(report ? { report } : {}),
    };
  }

  /** Else what is written next would make the folder again, without all that was in it; and what a step missed is told as what it is. */
  async #stillThere(): Promise<void> {
    await stat(join(this.#out, 'recipe.yaml'));
  }

  async #perform(step: RecipeStep, number: number, from: string): Promise<Partial<StepResult>> {
    const out = join(this.#out, modelPlace(step, number) ?? '');
    switch (step.kind) {
      case 'evaluate':
        return { evaluation: await this.#evaluate(step.options, from, number) };
      case 'prune':
        return this.#prune(step, from, out, this.#recipe.steps.slice(number));
      case 'train':
        return this.#train(step.options, from, out);
      case 'export':
        return this.#export(step, from, out);
      case 'report':
        await (
          await import('./run-report.js')
        ).writeReport(this.#chop, { out: this.#out, recipe: this.#recipe, resolved: this.#resolved, steps: this.#done, seed: this.#request.seed });
        return {};
    }
  }

  async #export(step: Extract<RecipeStep, { kind: 'export' }>, from: string, out: string): Promise<Partial<StepResult>> {
    const written = await this.#chop.save(from, out, { ...this.#request, ...(step.options as SaveRequest), force: true });
    return { ...(isReadable(step) ? { model: out } : {}), written };
  }

  async #prune(
    { name, set, calibration }: Extract<RecipeStep, { kind: 'prune' }>,
    from: string,
    out: string,
    following: readonly RecipeStep[],
  ): Promise<Partial<StepResult>> {
    const opened = await this.#chop.open(from, this.#request);
    try {
      const plan = await this.#chop.plan(opened, this.#chop.method(name, set), { ...this.#request, ...(calibration ? this.#calibration(calibration) : {}) });
      const pruned = await this.#chop.apply(opened, plan);
      await checkFits(pruned, following);
      const written = await this.#chop.save(pruned, out, { ...this.#request, force: true });
      await plan.save(join(out, 'plan.json'));
      const kept = plan.summary.keep['layer'];
      return { model: out, written, explanation: plan.explain(), ...(kept ? { keptLayers: { total: plan.summary.layersBefore, kept } } : {}) };
    } finally {
      await opened.close();
    }
  }

  async #evaluate(
    {
      name,
      perplexity,
      window,
      stride,
      windows,
      bos,
      latency,
      tasks,
      tasksDir,
      taskData,
      limit,
      numFewshot,
      sample,
      sampleTokens,
    }: Extract<RecipeStep, { kind: 'evaluate' }>['options'],
    from: string,
    number: number,
  ): Promise<NonNullable<StepResult['evaluation']>> {
    const prepared =
      tasks &&
      (await prepareTasks(
        {
          tasks,
          tasksDir,
          taskData,
          samples: true,
          ...(limit === undefined ? {} : { limit }),
          ...(numFewshot === undefined ? {} : { numFewshot }),
        },
        {},
        hubData(this.#request),
      ));
    const opened = await this.#chop.open(from, this.#request);
    const engine = await engineFor({ ...this.#request, onMessage: () => {} });
    const model = await opened.load(this.#request.signal);
    try {
      // First: what is measured last leaves no weights behind.
      const text =
        sample === undefined
          ? undefined
          : (await continueText(model, await opened.tokenizer(), sample, { maxTokens: sampleTokens, seed: this.#request.seed })).text;
      const { samples, ...scores } = await measure(
        this.#chop.parts,
        model,
        { opened, engine, prepared },
        {
          ...this.#request,
          ...(perplexity === undefined
            ? {}
            : {
                perplexity: {
                  data: this.#data(perplexity),
                  window,
                  bos,
                  ...(stride === undefined ? {} : { stride }),
                  ...(windows === undefined ? {} : { windows }),
                  ...this.#join(),
                },
              }),
          latency,
        },
      );
      return {
        name: name ?? basename(from),
        model: from,
        layers: opened.blueprint.axes.layers,
        parameters: opened.blueprint.parameters,
        bytes: opened.bytes,
        engine: engine.name,
        ...scores,
        ...(samples ? { samplesFile: await this.#keepSamples(samples, number) } : {}),
        ...(sample === undefined ? {} : { sample: { prompt: sample, text: text! } }),
      };
    } finally {
      model.drop();
      await opened.close();
    }
  }

  /** Every example of a step's tasks, a line each: what a report compares two models by. */
  async #keepSamples(samples: readonly object[], number: number): Promise<string> {
    const file = join('samples', `${number}.jsonl`);
    await mkdir(join(this.#out, 'samples'), { recursive: true });
    await atomicFile(join(this.#out, file), samples.map((sample) => `${JSON.stringify(sample)}\n`).join(''));
    return file;
  }

  async #train({ data, prune, distill, calibration, valid, ...options }: TrainStep, from: string, out: string): Promise<Partial<StepResult>> {
    const [pruner, pruneSet] = prune ? onlyMethod(prune) : [];
    const [distiller, distillSet] = distill ? onlyMethod(withoutTeacher(distill)) : [];
    const { seed: _seed, cache: _cache, ...request } = this.#request;
    const trained = await this.#chop.train(from, {
      ...request,
      ...(options as TrainOptionsInput),
      data: this.#data(data),
      out,
      force: true,
      ...(pruner === undefined ? {} : { prune: this.#chop.method(pruner, pruneSet) }),
      ...(distiller === undefined ? {} : { loss: this.#chop.loss(distiller, { ...distillSet, teacher: String(distill!['teacher']) }) }),
      ...(calibration ? { calibration: this.#calibration(calibration) } : {}),
      ...(valid === undefined ? {} : { valid: this.#data(valid) }),
    });
    await trained.close();
    await this.#log(out);
    const { training } = trained;
    return { model: out, written: { ...training, out, files: training.files ?? [] }, explanation: training.explanation };
  }

  /** The training events of all steps, from the folders of their models: a step that was done and not yet recorded when the run was killed counts once. */
  async #log(trained: string): Promise<void> {
    const before = this.#done.filter(({ kind }) => kind === 'train').map(({ model }) => model);
    const own = [...before, trained].filter((folder) => resolve(folder).startsWith(`${resolve(this.#out)}${sep}`));
    const events = (await Promise.all(own.map((folder) => readEvents(join(folder, 'training.jsonl'))))).flat();
    await atomicFile(join(this.#out, 'events.jsonl'), events.map((event) => `${JSON.stringify(event)}\n`).join(''));
  }

  /** A name of the recipe's data, or DATA itself. */
  #data(name: string): string[] {
    return this.#recipe.data[name] ?? name.split(/\s+/);
  }

  #join(): { join?: string } {
    return this.#recipe.join === undefined ? {} : { join: this.#recipe.join };
  }

  #calibration({ data, ...rest }: CalibrationChoice): Calibration {
    return { ...(rest as Calibration), ...(data === undefined ? {} : { data: this.#data(data) }) };
  }
}

/** A new run needs a place of its own; one that goes on needs the same recipe. */
async function prepare(out: string, resolved: string, { resume, force }: RunRequest): Promise<void> {
  const file = join(out, 'recipe.yaml');
  await removeStale(out);
  const before = await readFile(file, 'utf8').catch(() => undefined);
  if (resume && before !== undefined && before !== resolved)
    throw new UsageError('RESUME_OTHER_RUN', {
      file,
      found: 'another recipe than the run was started with',
      expected: 'the same',
      remedy: 'Start again with --force.',
    });
  if (!resume && !force && (await stat(out).catch(() => undefined)))
    throw new UsageError('OUTPUT_EXISTS', {
      file: out,
      found: 'something there already',
      expected: 'a new run folder',
      remedy: 'Go on with --resume, replace it with --force, or choose another --out.',
    });
  if (!resume || before === undefined) await beginRun(out, { 'recipe.yaml': resolved }, { force: force && !resume });
}

function title(step: RecipeStep): string {
  if (step.kind === 'prune') return `prune with ${step.name}`;
  if (step.kind === 'train') return `train${step.options.prune ? ` with ${onlyMethod(step.options.prune)[0]}` : ''}`;
  return step.kind;
}
