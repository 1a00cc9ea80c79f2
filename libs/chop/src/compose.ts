import { composeParts, type Configured, nearest, type Parts, type Plugin, type PluginKind, type Pruner, type Taught, UsageError } from '@chop/core';
import { checkModelOutput, planJsonSchema } from '@chop/formats';
import { z } from 'zod';
import { applyPlan, type ApplyRequest } from './apply.js';
import { compare, type CompareRequest, type Comparison } from './compare.js';
import { evaluate } from './evaluate.js';
import { generate } from './generate.js';
import { inspect } from './inspect.js';
import { inWholeBlocks } from './loaders.js';
import { type MadePlan, readPlan } from './made-plan.js';
import { lossNamed, methodNamed } from './methods.js';
import { type ModelSource, type OpenModel, openModel, withModel } from './opened.js';
import { BUILT_IN, type LoadedPackage, loadPackage } from './packages.js';
import { planModel, type PlanRequest } from './plan.js';
import { recipeJsonSchema } from './recipe.js';
import { report, type ReportRequest, type ReportResult } from './report.js';
import { run, type RunRequest, type RunResult } from './run.js';
import { installRuntime, type InstalledRuntime, type InstallRuntimeRequest } from './runtime-install.js';
import { findRuntime, type FoundRuntime, RUNTIME_NAMES, type RuntimeName } from './runtimes.js';
import { saveModel, type SaveRequest } from './save.js';
import { train } from './train.js';
import type {
  EvalResult,
  EvaluateRequest,
  FromScratch,
  GenerateRequest,
  GenerateResult,
  InspectResult,
  PluginInfo,
  TrainedModel,
  TrainRequest,
  WrittenResult,
} from './verbs.js';
import type { Common } from './request.js';

/** Which plugins beside the built-in ones, and where they are found. */
export interface ComposeOptions {
  /** Plugins of this program. */
  readonly plugins?: readonly (Plugin | string)[];
  /** The folder from which packages of third parties are resolved: the user's project. */
  readonly from?: string;
}

/** The verbs over one set of parts. */
export class Chop {
  readonly parts: Parts;
  readonly #packages: readonly LoadedPackage[];
  readonly #from: string;

  constructor(packages: readonly LoadedPackage[], from: string) {
    this.#packages = packages;
    this.#from = from;
    this.parts = composeParts(packages.flatMap(({ plugins }) => plugins));
  }

  /** The same verbs with the plugins of more packages. */
  async with(names: readonly string[]): Promise<Chop> {
    const fresh = names.filter((name) => !this.#packages.some((known) => known.name === name));
    return fresh.length === 0 ? this : new Chop([...this.#packages, ...(await Promise.all(fresh.map((name) => loadPackage(name, this.#from))))], this.#from);
  }

  /** Reads and checks a model's headers; its weights stay on disk. Close it when you are done with it and all that is made of it. */
  open(model: string, options: Common = {}): Promise<OpenModel> {
    return openModel(this.parts, model, options);
  }

  /** What a model is made of. */
  inspect(model: ModelSource): Promise<InspectResult> {
    return withModel(this.parts, model, {}, async (opened) => inspect(opened));
  }

  /** What a method would do to a model: `chop.plan(base, layerChop({ keep: 15 }))`. */
  plan(model: ModelSource, method: Configured<Pruner>, request: PlanRequest = {}): Promise<MadePlan> {
    return withModel(this.parts, model, request, (opened) => planModel(opened, method, request));
  }

  /** The plan of a file, for a model. */
  readPlan(model: ModelSource, file: string): Promise<MadePlan> {
    return withModel(this.parts, model, {}, (opened) => readPlan(opened, file));
  }

  /** The model seen through a plan; nothing is written yet. */
  async apply(model: ModelSource, plan: MadePlan, request: ApplyRequest = {}): Promise<OpenModel> {
    if (typeof model !== 'string') return applyPlan(model, plan, request, async () => {});
    const opened = await this.open(model);
    return applyPlan(opened, plan, request, () => opened.close()).catch(async (error: unknown) => {
      await opened.close();
      throw error;
    });
  }

  /** Goes on training a model; with `out` into a folder, else in memory. */
  train(model: ModelSource | FromScratch, request: TrainRequest): Promise<TrainedModel> {
    const { prune, for: loaders = [] } = request;
    return train(this.parts, model, { ...request, ...(prune ? { prune: inWholeBlocks(prune, loaders) } : {}) });
  }

  /** Measures models, each under its name: `chop.evaluate({ base, small, tuned }, { perplexity: { data } })`. */
  evaluate<Name extends string>(models: Readonly<Record<Name, ModelSource>>, request: EvaluateRequest): Promise<Record<Name, EvalResult>> {
    return evaluate(this.parts, models, request);
  }

  /** Writes a model as a folder that transformers loads, or in the format that the request names; it is opened again before it gets its name. */
  save(model: ModelSource, out: string, request: SaveRequest = {}): Promise<WrittenResult> {
    return withModel(this.parts, model, request, (opened) => saveModel(opened, out, request, this.#from));
  }

  /** Whether {@link save} may write there: asked before the work, so that none of it is lost. */
  checkOutput(out: string, request: Pick<SaveRequest, 'force'> = {}): Promise<void> {
    return checkModelOutput(out, request);
  }

  /** Continues a text. */
  generate(model: ModelSource, prompt: string, request: GenerateRequest = {}): Promise<GenerateResult> {
    return generate(this.parts, model, prompt, request);
  }

  /** Token ids of a text, and what each stands for. */
  tokenize(model: ModelSource, text: string): Promise<{ ids: number[]; pieces: string[] }> {
    return withModel(this.parts, model, {}, async (opened) => {
      const tokenizer = await opened.tokenizer();
      const ids = tokenizer.encode(text);
      return { ids, pieces: tokenizer.pieces(ids) };
    });
  }

  /** A pruner by its name, its options checked: for whoever reads them from somewhere. */
  method(name: string, options: Readonly<Record<string, unknown>> = {}): Configured<Pruner> {
    return methodNamed(this.parts, name, options);
  }

  /** A distiller by its name, its options checked, with its teacher. */
  loss(name: string, options: Readonly<Record<string, unknown>> & { readonly teacher: ModelSource }): Taught<ModelSource> {
    return lossNamed(this.parts, name, options);
  }

  run(recipe: string, request: RunRequest = {}): Promise<RunResult> {
    return run(this, recipe, request);
  }

  /** Runs variants of one recipe under an equal budget: `chop.compare(['half.yaml', 'narrow.yaml'], { tokens: 1e6 })`. */
  compare(recipes: readonly string[], request: CompareRequest = {}): Promise<Comparison> {
    return compare(this, recipes, request);
  }

  /** One page on any runs, by their folders. */
  report(runs: readonly string[], request: ReportRequest): Promise<ReportResult> {
    return report(runs, request);
  }

  /** The programs that are here to open what chop writes: in the user's project, beside chop, or in its cache. */
  runtimes(): FoundRuntime[] {
    return RUNTIME_NAMES.map((name) => findRuntime(name, { from: this.#from })).filter((found) => found !== undefined);
  }

  /** Puts one of them into chop's cache. */
  installRuntime(name: RuntimeName, request: InstallRuntimeRequest = {}): Promise<InstalledRuntime> {
    return installRuntime(name, request);
  }

  /** Of every package that is loaded, by its name. */
  versions(): Record<string, string> {
    return Object.fromEntries(this.#packages.map(({ name, version }) => [name, version]));
  }

  plugins(): PluginInfo[] {
    return this.#packages.flatMap(({ name, version, plugins }) =>
      plugins.map(({ kind, pluginName }) => {
        const part = this.#part(kind, pluginName);
        return {
          name: pluginName,
          kind,
          package: name,
          version,
          description: part.description,
          ...(part.options ? { options: z.toJSONSchema(part.options, { io: 'input' }) } : {}),
        };
      }),
    );
  }

  /** JSON Schema of `recipe`, of `plan` (the file of a plan), or of the options of a method. */
  schema(what: string): object {
    if (what === 'recipe') return recipeJsonSchema(this.parts);
    if (what === 'plan') return planJsonSchema();
    const known = new Map(this.plugins().flatMap(({ name, options }) => (options ? [[name, options] as const] : [])));
    const schema = known.get(what);
    if (schema) return schema;
    const names = ['recipe', 'plan', ...known.keys()];
    throw new UsageError('SCHEMA_UNKNOWN', {
      found: `schema ${what}`,
      expected: `one of ${names.join(', ')}`,
      remedy: `Did you mean ${nearest(what, names)}?`,
    });
  }

  #part(kind: PluginKind, name: string): { description: string; options?: z.ZodType } {
    const shelf = { family: this.parts.families, pruner: this.parts.pruners, distiller: this.parts.distillers, evaluator: this.parts.evaluators }[kind];
    return shelf.get(name) as { description: string; options?: z.ZodType };
  }
}

/**
 * The usual parts and the given plugins, wired.
 *
 * @example
 * const chop = await compose({ plugins: [myMethod] });
 * const base = await chop.open('embedded');
 * const plan = await chop.plan(base, layerChop({ keep: 4 }));
 * console.log(plan.explain());
 * const small = await chop.apply(base, plan);
 * const tuned = await chop.train(small, { data: ['embedded'], tokens: 300_000, loss: distillLogits({ teacher: base }) });
 * await chop.save(tuned, 'smaller');
 */
export async function compose({ plugins = [], from = process.cwd() }: ComposeOptions = {}): Promise<Chop> {
  const packages = await Promise.all(BUILT_IN.map((name) => loadPackage(name)));
  for (const plugin of plugins)
    packages.push(typeof plugin === 'string' ? await loadPackage(plugin, from) : { name: 'this program', version: '', plugins: [plugin] });
  return new Chop(packages, from);
}
