import { composeParts, type Configured, nearest, type Parts, type Plugin, type PluginKind, type Pruner, UsageError } from '@chop/core';
import { z } from 'zod';
import { evaluate } from './evaluate.js';
import { exportModel, type ExportRequest } from './export.js';
import { generate } from './generate.js';
import { inspect } from './inspect.js';
import { type OpenModel, openModel } from './opened.js';
import { BUILT_IN, type LoadedPackage, loadPackage } from './packages.js';
import { apply, plan, planModel, type PlanRequest, prune, writePlanned } from './plan.js';
import { recipeJsonSchema } from './recipe.js';
import { run, type RunRequest, type RunResult } from './run.js';
import { train } from './train.js';
import type {
  Common,
  EvalResult,
  EvaluateRequest,
  FromScratch,
  GenerateRequest,
  GenerateResult,
  InspectResult,
  PlannedResult,
  PluginInfo,
  TrainRequest,
  TrainResult,
  WrittenResult,
} from './verbs.js';

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

  /** Reads and checks a model's headers; its weights stay on disk. */
  open(model: string, options: Common = {}): Promise<OpenModel> {
    return openModel(this.parts, model, options);
  }

  inspect(model: string): Promise<InspectResult> {
    return inspect(this.parts, model);
  }

  /** What a method would do to a model. By name with unchecked options, or as a script writes it: `chop.planWith(base, layerChop({ keep: 15 }))`. */
  plan(strategy: string, model: string, request: PlanRequest = {}): Promise<PlannedResult> {
    return plan(this.parts, strategy, model, request);
  }

  planWith(opened: OpenModel, { method, options }: Configured<Pruner>, request: Common & PlanRequest = {}): Promise<PlannedResult> {
    return planModel(opened, method, method.options.parse(options), request);
  }

  prune(strategy: string, model: string, request: PlanRequest & { out: string; force?: boolean }): Promise<WrittenResult> {
    return prune(this.parts, strategy, model, request);
  }

  apply(planFile: string, model: string, request: { out: string; force?: boolean } & Common): Promise<WrittenResult> {
    return apply(this.parts, planFile, model, request);
  }

  /** Writes an opened model as a plan leaves it. */
  save(opened: OpenModel, { plan }: Pick<PlannedResult, 'plan'>, request: { out: string; force?: boolean } & Common): Promise<WrittenResult> {
    return writePlanned(opened, plan, { ...request, made: [`${plan.explain()}.`] });
  }

  train(model: string | FromScratch, request: TrainRequest): Promise<TrainResult> {
    return train(this.parts, model, request);
  }

  evaluate(model: string, request: EvaluateRequest): Promise<EvalResult> {
    return evaluate(this.parts, model, request);
  }

  generate(model: string, prompt: string, request: GenerateRequest = {}): Promise<GenerateResult> {
    return generate(this.parts, model, prompt, request);
  }

  async tokenize(model: string, text: string): Promise<{ ids: number[]; pieces: string[] }> {
    const opened = await this.open(model);
    const tokenizer = await opened.tokenizer();
    const ids = tokenizer.encode(text);
    await opened.checkpoint.close();
    return { ids, pieces: tokenizer.pieces(ids) };
  }

  export(model: string, request: ExportRequest): Promise<WrittenResult> {
    return exportModel(this.parts, model, request);
  }

  run(recipe: string, request: RunRequest = {}): Promise<RunResult> {
    return run(this, recipe, request);
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

  /** JSON Schema of `recipe`, or of the options of a method. */
  schema(what: string): object {
    if (what === 'recipe') return recipeJsonSchema(this.parts);
    const known = new Map(this.plugins().flatMap(({ name, options }) => (options ? [[name, options] as const] : [])));
    const schema = known.get(what);
    if (schema) return schema;
    const names = ['recipe', ...known.keys()];
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
 * const { plan } = await chop.planWith(base, layerChop({ keep: 4 }));
 * console.log(plan.explain());
 */
export async function compose({ plugins = [], from = process.cwd() }: ComposeOptions = {}): Promise<Chop> {
  const packages = await Promise.all(BUILT_IN.map((name) => loadPackage(name)));
  for (const plugin of plugins)
    packages.push(typeof plugin === 'string' ? await loadPackage(plugin, from) : { name: 'this program', version: '', plugins: [plugin] });
  return new Chop(packages, from);
}
