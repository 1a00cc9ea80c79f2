import type { Tensor } from '@tensorflow/tfjs-core';
import type { Axes, AxisRule } from './axis.js';
import { Blueprint, type Shapes, type WeightTable } from './blueprint.js';
import type { Checkpoint, Config } from './checkpoint.js';
import { Model } from './model.js';
import type { LayerPass, Pass } from './pass.js';
import { plugin, type Plugin } from './plugin.js';
import type { Projection } from './projection.js';

/** The forward pass of a family in three parts, so that a model can also be walked block by block. `S`: its checked settings. */
export interface Forward<S> {
  embed(pass: Pass, ids: Tensor, settings: S): Tensor;
  layer(pass: LayerPass, hidden: Tensor, settings: S): Tensor;
  /** The last norm, and the output layer that it goes through. */
  project(pass: Pass, hidden: Tensor, settings: S): Projection;
}

/** How a family appears in GGUF files. */
export interface GgufNames {
  /** Values of `general.architecture` that are this family. */
  readonly architectures: readonly string[];
  /** The file as a checkpoint of this family: Hugging Face's config, names and row order. */
  translate(raw: Checkpoint): Promise<Checkpoint>;
  /** The way back, where there is one. */
  layout?(blueprint: Blueprint): GgufLayout;
}

/** A model of a family as it stands in a GGUF file. */
export interface GgufLayout {
  /** `general.architecture`. */
  readonly architecture: string;
  /** Whole numbers, by their keys behind the architecture. */
  readonly whole: Readonly<Record<string, number>>;
  /** Whole numbers of every layer, where layers differ. */
  readonly lists?: Readonly<Record<string, readonly number[]>>;
  readonly floats: Readonly<Record<string, number>>;
  readonly texts?: Readonly<Record<string, string>>;
  readonly flags?: Readonly<Record<string, boolean>>;
  /** Tensors that follow from the config, by their names there. */
  readonly constants?: ReadonlyMap<string, Float32Array>;
  /** For every weight of the blueprint: its name there, the order of its rows where that is another, and what its values are larger by. */
  readonly tensors: ReadonlyMap<string, { readonly name: string; readonly rows?: Int32Array; readonly excess?: number }>;
}

/** What a family's one file says. */
export interface FamilyDefinition<S> {
  readonly name: string;
  readonly description: string;
  /** Values of `architectures[0]` in config.json. */
  readonly architectures: readonly string[];
  /** Reads and checks the config; unknown keys are Hugging Face's own business. */
  settings(config: Config): S;
  axes(settings: S): Readonly<Record<string, AxisRule>>;
  table(settings: S): WeightTable;
  resize(config: Config, axes: Axes, layers: ArrayLike<number> | undefined): Config;
  readonly forward: Forward<S>;
  /** See {@link Model.longBeyond}. */
  longBeyond?(settings: S): number | undefined;
  readonly gguf?: GgufNames;
  /** What all names of the table but the head's begin with, where files may leave it out (transformers' `base_model_prefix`): `transformer.`. */
  readonly base?: string;
  /** Tensors that may stand in a file although the forward pass does not need them (`rotary_emb.inv_freq`). */
  ignores?(name: string): boolean;
}

/** A family: config ↔ axes, the table of weights, and models of it. */
export interface Family extends Shapes {
  readonly description: string;
  readonly architectures: readonly string[];
  readonly gguf?: GgufNames;
  /** What names in a file may leave out: see {@link FamilyDefinition.base}. */
  readonly base?: string;
  ignores(name: string): boolean;
  blueprint(config: Config): Blueprint;
  /** A model without weights in memory. */
  model(blueprint: Blueprint): Model;
}

/** Makes the family and its concrete {@link Model} from a definition. */
export function makeFamily<S>(definition: FamilyDefinition<S>): Family {
  class FamilyModel extends Model {
    #settings: { of: Blueprint; settings: S } | undefined;

    /** Settings follow the config through edits. */
    get settings(): S {
      if (this.#settings?.of !== this.blueprint) this.#settings = { of: this.blueprint, settings: definition.settings(this.config) };
      return this.#settings.settings;
    }

    override get longBeyond(): number | undefined {
      return definition.longBeyond?.(this.settings);
    }

    override embed(pass: Pass, ids: Tensor): Tensor {
      return definition.forward.embed(pass, ids, this.settings);
    }

    override layer(pass: Pass, at: number, hidden: Tensor): Tensor {
      const layer = pass.layer(at);
      return layer.tap('output', definition.forward.layer(layer, layer.tap('input', hidden), this.settings));
    }

    override project(pass: Pass, hidden: Tensor): Projection {
      return definition.forward.project(pass, hidden, this.settings);
    }
  }
  const family: Family = {
    name: definition.name,
    description: definition.description,
    architectures: definition.architectures,
    ...(definition.gguf ? { gguf: definition.gguf } : {}),
    ...(definition.base === undefined ? {} : { base: definition.base }),
    ignores: (name) => definition.ignores?.(name) ?? false,
    axes: (config) => definition.axes(definition.settings(config)),
    table: (config) => definition.table(definition.settings(config)),
    resize: definition.resize,
    blueprint: (config) => Blueprint.of(family, config),
    model: (blueprint) => new FamilyModel(blueprint),
  };
  return family;
}

/**
 * A family as a plugin.
 *
 * @example `export const llama = family({ name: 'llama', architectures: ['LlamaForCausalLM'], … });`
 */
export function family<S>(definition: FamilyDefinition<S>): Plugin & { readonly family: Family } {
  const made = makeFamily(definition);
  return { ...plugin('family', made.name, made), family: made };
}
