import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ChopError, throwIfAborted, UsageError } from '@chop/core';
import { atomicFile } from '@chop/formats';
import { readEvents, type TrainingEvent } from '@chop/training';
import { stringify } from 'yaml';
import type { Chop } from './compose.js';
import { checkMethods, withoutTeacher } from './check-methods.js';
import { engineFor, measure } from './evaluate.js';
import { continueText } from './generate.js';
import { type CalibrationChoice, onlyMethod, type Recipe, readRecipe, type RecipeStep, type TrainStep } from './recipe.js';
import type { Calibration, Common, EvalResult, TrainResult, WrittenResult } from './verbs.js';

export interface RunRequest extends Common {
  /** The run folder; by default `runs/<name>`. */
  readonly out?: string;
  readonly resume?: boolean;
  readonly force?: boolean;
}

/** What one step of a run left behind. */
export interface StepResult {
  readonly step: number;
  readonly kind: RecipeStep['kind'];
  /** The model after the step. */
  readonly model: string;
  readonly seconds: number;
  readonly evaluation?: EvalResult & { readonly name: string; readonly layers: number; readonly sample?: { readonly prompt: string; readonly text: string } };
  readonly written?: WrittenResult | TrainResult;
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
  checkMethods(composed.parts, recipe, placeOf);
  const resolved = stringify({ ...recipe, seed, steps: recipe.steps.map(written) });
  await prepare(out, resolved, request);
  const runner = new Runner(composed, recipe, out, { ...request, seed }, resolved);
  return runner.run();
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
    if (this.#request.resume) this.#done.push(...(await readSteps(this.#out)));
    for (const [index, step] of steps.entries()) {
      if (index < this.#done.length) continue;
      throwIfAborted(this.#request.signal);
      const started = performance.now();
      this.#request.onMessage?.(`step ${index + 1} of ${steps.length}: ${title(step)}`);
      const from = this.#done.at(-1)?.model ?? model;
      const result = await this.#perform(step, index + 1, from);
      this.#done.push({ step: index + 1, kind: step.kind, model: from, ...result, seconds: (performance.now() - started) / 1000 });
      await atomicFile(join(this.#out, 'results.json'), `${JSON.stringify({ name, steps: this.#done }, undefined, 1)}\n`);
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

  async #perform(step: RecipeStep, number: number, from: string): Promise<Partial<StepResult>> {
    const folder = (kind: string): string => join(this.#out, 'models', `${number}-${kind}`);
    switch (step.kind) {
      case 'evaluate':
        return { evaluation: await this.#evaluate(step.options, from) };
      case 'prune': {
        const opened = await this.#chop.open(from, this.#request);
        const planned = await this.#chop.plan(step.name, from, { ...this.#request, set: step.set, ...this.#calibration(step.calibration) });
        const out = folder(step.name);
        const saved = await this.#chop.save(opened, planned, { ...this.#request, out, force: true });
        await planned.save(join(out, 'plan.json'));
        await opened.checkpoint.close();
        const kept = planned.summary.keep['layer'];
        return { model: out, written: saved, ...(kept ? { keptLayers: { total: planned.summary.layersBefore, kept } } : {}) };
      }
      case 'train':
        return this.#train(step.options, from, folder('train'));
      case 'export': {
        const out = join(this.#out, 'export');
        return {
          model: out,
          written: await this.#chop.export(from, { ...this.#request, ...step.options, dtype: step.options.dtype ?? 'f16', out, force: true }),
        };
      }
      case 'report':
        await (
          await import('./run-report.js')
        ).writeReport(this.#chop, { out: this.#out, recipe: this.#recipe, resolved: this.#resolved, steps: this.#done, seed: this.#request.seed });
        return {};
    }
  }

  async #evaluate(
    { name, perplexity, window, stride, windows, bos, latency, sample, sampleTokens }: Extract<RecipeStep, { kind: 'evaluate' }>['options'],
    from: string,
  ): Promise<NonNullable<StepResult['evaluation']>> {
    const opened = await this.#chop.open(from, this.#request);
    const engine = await engineFor({ ...this.#request, onMessage: () => {} });
    const model = await opened.load(this.#request.signal);
    try {
      const tokenizer = await opened.tokenizer();
      const scores = await measure(this.#chop.parts, model, tokenizer, engine, {
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
      });
      const text =
        sample === undefined ? undefined : (await continueText(model, tokenizer, sample, { maxTokens: sampleTokens, seed: this.#request.seed })).text;
      return {
        name: name ?? basename(from),
        model: from,
        layers: opened.blueprint.axes.layers,
        parameters: opened.blueprint.parameters,
        bytes: opened.bytes,
        engine: engine.name,
        ...scores,
        ...(sample === undefined ? {} : { sample: { prompt: sample, text: text! } }),
      };
    } finally {
      model.drop();
      await opened.checkpoint.close();
    }
  }

  async #train({ data, prune, distill, calibration, valid, ...options }: TrainStep, from: string, out: string): Promise<Partial<StepResult>> {
    const [pruner, pruneSet] = prune ? onlyMethod(prune) : [undefined, {}];
    const { teacher = this.#recipe.model } = distill ?? {};
    const [distiller, distillSet] = distill ? onlyMethod(withoutTeacher(distill)) : [undefined, {}];
    const result = await this.#chop.train(from, {
      ...this.#request,
      data: this.#data(data),
      out,
      force: true,
      options: { ...this.#join(), ...options } as never,
      ...(pruner ? { prune: { name: pruner, set: pruneSet } } : {}),
      ...(distiller ? { distill: { name: distiller, set: distillSet, teacher: String(teacher) } } : {}),
      ...(calibration ? { calibration: this.#calibration(calibration) } : {}),
      ...(valid === undefined ? {} : { valid: this.#data(valid) }),
    });
    const events = await readEvents(join(out, 'training.jsonl'));
    await this.#log(events);
    return { model: out, written: result };
  }

  async #log(events: readonly TrainingEvent[]): Promise<void> {
    const file = join(this.#out, 'events.jsonl');
    const before = await readFile(file, 'utf8').catch(() => '');
    await atomicFile(file, before + events.map((event) => `${JSON.stringify(event)}\n`).join(''));
  }

  /** A name of the recipe's data, or DATA itself. */
  #data(name: string): string[] {
    return this.#recipe.data[name] ?? name.split(/\s+/);
  }

  #join(): { join?: string } {
    return this.#recipe.join === undefined ? {} : { join: this.#recipe.join };
  }

  #calibration(given: CalibrationChoice | undefined): Calibration {
    const { data = 'train', ...rest } = given ?? {};
    const words = given || this.#recipe.data[data] ? this.#data(data) : undefined;
    return { ...this.#join(), ...(words ? { data: words } : {}), ...(rest as Calibration) };
  }
}

/** A new run needs a place of its own; one that goes on needs the same recipe. */
async function prepare(out: string, resolved: string, { resume, force }: RunRequest): Promise<void> {
  const file = join(out, 'recipe.yaml');
  const before = await readFile(file, 'utf8').catch(() => undefined);
  if (resume && before !== undefined && before !== resolved)
    throw new UsageError('RESUME_OTHER_RUN', {
      file,
      found: 'another recipe than the run was started with',
      expected: 'the same',
      remedy: 'Start again with --force.',
    });
  if (!resume && (await stat(out).catch(() => undefined))) {
    if (!force)
      throw new UsageError('OUTPUT_EXISTS', {
        file: out,
        found: 'something there already',
        expected: 'a new run folder',
        remedy: 'Go on with --resume, replace it with --force, or choose another --out.',
      });
    await checkOwn(out);
    await rm(out, { recursive: true });
  }
  await mkdir(join(out, 'models'), { recursive: true }).catch((cause: unknown) => {
    throw new ChopError('OUTPUT_READ_ONLY', {
      file: out,
      found: cause instanceof Error ? cause.message : String(cause),
      expected: 'a folder that can be made',
      remedy: 'Choose another --out.',
      cause,
    });
  });
  await atomicFile(file, resolved);
  if (!resume || before === undefined) await atomicFile(join(out, 'events.jsonl'), '');
}

/** All that a run leaves in its folder: what holds anything else is not deleted. */
const RUN_FILES = ['recipe.yaml', 'events.jsonl', 'results.json', 'report.html', 'models', 'export'];

async function checkOwn(out: string): Promise<void> {
  const names = await readdir(out).catch(() => undefined);
  const foreign = names?.find((name) => !RUN_FILES.includes(name));
  if (names?.includes('events.jsonl') && foreign === undefined) return;
  throw new UsageError('OUTPUT_FOREIGN', {
    file: out,
    found: foreign === undefined ? 'something that is no run' : `${JSON.stringify(foreign)} in a folder that is no run`,
    expected: 'a run folder, which chop may replace',
    remedy: 'Move it away yourself, or choose another --out.',
  });
}

async function readSteps(out: string): Promise<StepResult[]> {
  const text = await readFile(join(out, 'results.json'), 'utf8').catch(() => undefined);
  return text === undefined ? [] : (JSON.parse(text) as { steps: StepResult[] }).steps;
}

function title(step: RecipeStep): string {
  if (step.kind === 'prune') return `prune with ${step.name}`;
  if (step.kind === 'train') return `train${step.options.prune ? ` with ${onlyMethod(step.options.prune)[0]}` : ''}`;
  return step.kind;
}

function written(step: RecipeStep): unknown {
  if (step.kind === 'report') return 'report';
  if (step.kind === 'prune') return { prune: { [step.name]: step.set, ...(step.calibration ? { calibration: step.calibration } : {}) } };
  return { [step.kind]: step.options };
}
