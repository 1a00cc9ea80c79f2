import { Axes, LAYER, type AxisRule, Dimension } from './axis.js';
import { type Checkpoint, type Config, elementCount } from './checkpoint.js';
import { CheckpointError, PlanError } from './error.js';

/**
 * One row of a family's table: the weight's name and the dimensions it is made of, in storage order. A matrix of a layer is `[out, in]`; the name of one
 * that is stored the other way round ends in `ᵀ` (`attn.c_attn.weightᵀ`), and its dimensions are given as `[out, in]` too.
 */
export type WeightRow = readonly [name: string, ...dimensions: string[]];

/** The weights of a family: those of the whole model, and those of each layer with names relative to the layer. */
export interface WeightTable {
  readonly outer: Readonly<Record<string, WeightRow>>;
  readonly layer: Readonly<Record<string, WeightRow>>;
  /** The name of layer `at` before the relative names: `model.layers.3.`. */
  readonly prefix: (at: number) => string;
}

/** One weight of one model. */
export interface Weight {
  readonly name: string;
  /** Its key in the family's table: `embed`, `q`, `down` … */
  readonly role: string;
  readonly at?: number;
  readonly dimensions: readonly Dimension[];
  readonly shape: readonly number[];
  /** A matrix of a block, `[out, in]`: what methods prune. */
  readonly linear: boolean;
  /** Stored as `[in, out]`: turned when it is read and when it is written. */
  readonly turned?: true;
}

/** What a blueprint needs of a family: how a config becomes axes and a table, and how edited axes go back into it. */
export interface Shapes {
  readonly name: string;
  axes(config: Config): Readonly<Record<string, AxisRule>>;
  table(config: Config): WeightTable;
  /** The config of the model after an edit. `layers`: which layers of the old config stay. */
  resize(config: Config, axes: Axes, layers: ArrayLike<number> | undefined): Config;
}

/** The shape of one model without its weights: config, axes and every weight's name and size. Immutable. */
export class Blueprint {
  readonly family: Shapes;
  readonly config: Config;
  readonly axes: Axes;
  readonly weights: ReadonlyMap<string, Weight>;
  readonly #names: ReadonlyMap<string, string>;

  private constructor(family: Shapes, config: Config, axes: Axes) {
    this.family = family;
    this.config = config;
    this.axes = axes;
    this.weights = new Map(tabulate(family.table(config), axes).map((weight) => [weight.name, weight]));
    this.#names = new Map([...this.weights.values()].map(({ name, role, at }) => [`${at ?? ''}/${role}`, name]));
  }

  /** The blueprint that a config describes. */
  static of(family: Shapes, config: Config): Blueprint {
    return new Blueprint(family, config, Axes.of(family.axes(config)));
  }

  /** The blueprint after keeping `indices` of an axis; `at` names the layer of a per-layer axis. */
  keep(axis: string, at: number | undefined, indices: ArrayLike<number>): Blueprint {
    checkIndices(this.axes, axis, at, indices);
    const axes = this.axes.keep(axis, at, indices);
    return new Blueprint(this.family, this.family.resize(this.config, axes, axis === LAYER ? indices : undefined), axes);
  }

  get parameters(): number {
    let total = 0;
    for (const weight of this.weights.values()) total += elementCount(weight.shape);
    return total;
  }

  /** The weight of that name, or an error that names the family. */
  weight(name: string): Weight {
    const weight = this.weights.get(name);
    if (weight) return weight;
    throw new PlanError('WEIGHT_UNKNOWN', { found: `weight ${name}`, expected: `a weight of this ${this.family.name} model with ${this.axes.layers} layers` });
  }

  /** The name of the weight of a role, of layer `at` or of the whole model; `undefined` when this model has none. */
  find(role: string, at?: number): string | undefined {
    return this.#names.get(`${at ?? ''}/${role}`);
  }

  /** Like {@link find}, but it must be there. */
  named(role: string, at?: number): string {
    const name = this.find(role, at);
    if (name === undefined)
      throw new PlanError('WEIGHT_UNKNOWN', {
        found: `role ${role}${at === undefined ? '' : ` of layer ${at}`}`,
        expected: `a row of the table of ${this.family.name}`,
      });
    return name;
  }

  /** The matrices of one layer, in the table's order. */
  linears(at: number): Weight[] {
    return [...this.weights.values()].filter((weight) => weight.at === at && weight.linear);
  }

  /** Throws when layers differ along an axis for which the config has one number. */
  checkUniform(): void {
    for (const [axis, rule] of Object.entries(this.axes.rules)) {
      if (!rule.uniform || this.axes.common(axis) !== undefined) continue;
      const sizes = Array.from({ length: this.axes.layers }, (_, at) => this.axes.size(axis, at));
      throw new PlanError('AXIS_NOT_UNIFORM', {
        found: `layers with ${axis} ${[...new Set(sizes)].join(', ')}`,
        expected: `the same ${axis} in every layer: the config of ${this.family.name} holds one number for all`,
        remedy: `Keep equally many indices of ${axis} in each layer.`,
      });
    }
  }
}

/** Throws when the checkpoint's tensors are not exactly the blueprint's weights. `extra` names tensors that may be there besides. */
export function checkTensors(blueprint: Blueprint, checkpoint: Checkpoint, extra: (name: string) => boolean = () => false): void {
  for (const weight of blueprint.weights.values()) {
    const found = checkpoint.tensors.get(weight.name);
    if (!found || found.shape.length !== weight.shape.length || found.shape.some((size, i) => size !== weight.shape[i])) {
      throw new CheckpointError('CHECKPOINT_CONFIG_MISMATCH', {
        file: checkpoint.source,
        found: found ? `${weight.name} of shape [${found.shape.join(', ')}]` : `no tensor ${weight.name}`,
        expected: `[${weight.shape.join(', ')}] (${weight.dimensions.map(({ text }) => text).join(' × ')}) as the config says`,
        remedy: 'Config and weights are of different models: fetch both from the same place again.',
      });
    }
  }
  for (const name of checkpoint.tensors.keys()) {
    if (blueprint.weights.has(name) || extra(name)) continue;
    throw new CheckpointError('CHECKPOINT_CONFIG_MISMATCH', {
      file: checkpoint.source,
      found: `tensor ${name}`,
      expected: `only the ${blueprint.weights.size} weights that a ${blueprint.family.name} of this config has`,
      remedy: 'The config describes fewer weights than the file holds (num_hidden_layers, tie_word_embeddings, attention_bias?).',
    });
  }
}

function tabulate(table: WeightTable, axes: Axes): Weight[] {
  // Dimensions are read once, not for every layer.
  const read = (records: WeightTable['outer']) =>
    Object.entries(records).map(([role, [label, ...texts]]) => ({
      role,
      label,
      name: label.replace(/ᵀ$/, ''),
      dimensions: texts.map((text) => new Dimension(text)),
    }));
  const rows = (records: ReturnType<typeof read>, prefix: string, at?: number): Weight[] =>
    records.map(({ role, label, name, dimensions }) => {
      const shape = dimensions.map((dimension) => dimension.size(axes, at));
      const linear = at !== undefined && shape.length === 2;
      return { name: prefix + name, role, dimensions, shape, linear, ...(at === undefined ? {} : { at }), ...(name === label ? {} : { turned: true }) };
    });
  const layer = read(table.layer);
  const layers = Array.from({ length: axes.layers }, (_, at) => rows(layer, table.prefix(at), at));
  return [...rows(read(table.outer), ''), ...layers.flat()];
}

function checkIndices(axes: Axes, axis: string, at: number | undefined, indices: ArrayLike<number>): void {
  const size = axes.size(axis, at);
  const pinned = axes.rules[axis]!.pinned;
  const where = axes.key(axis, at);
  if (pinned && indices.length < size)
    throw new PlanError('AXIS_PINNED', { found: `an edit that drops indices of ${where}`, expected: `all ${size} of them`, remedy: pinned });
  let previous = -1;
  for (let i = 0; i < indices.length; i++) {
    const index = indices[i]!;
    if (!Number.isInteger(index) || index <= previous || index >= size) {
      throw new PlanError('PLAN_INDICES', {
        found: `index ${index} of ${where} after ${previous}`,
        expected: `increasing whole numbers from 0 to ${size - 1}`,
        remedy: 'Mend what chose these indices: the plan file, or the method.',
      });
    }
    previous = index;
  }
  if (indices.length === 0)
    throw new PlanError('PLAN_INDICES', { found: `nothing kept of ${where}`, expected: `between 1 and ${size} indices`, remedy: 'Keep one of them at least.' });
}
