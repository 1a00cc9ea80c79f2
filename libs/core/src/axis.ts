import { nearest, PlanError } from './error.js';

/** What a family says of one axis of its models. */
export interface AxisRule {
  /** Positions along the axis in an unedited model. */
  readonly size: number;
  /** Every layer has its own: `ffn`, `kv`, `group`, `inner`. */
  readonly perLayer?: boolean;
  /** The size in each layer, where they differ. */
  readonly sizes?: readonly number[];
  /** A config scalar holds the size for all layers: they must agree when the model is written. */
  readonly uniform?: boolean;
  /** Sizes that kernels and runtimes like are multiples of this. */
  readonly multiple?: number;
  /** Why no index of this axis can be dropped. */
  readonly pinned?: string;
}

/** The number of layers is an axis like any other; its name is fixed because the other axes are counted by it. */
export const LAYER = 'layer';

/** `width`, or `layers.3.ffn` for an axis that every layer has its own of. */
export function axisKey(axis: string, at?: number): string {
  return at === undefined ? axis : `layers.${at}.${axis}`;
}

/** Splits `layers.3.ffn` into `{ axis: 'ffn', at: 3 }`. */
export function parseAxisKey(key: string): { axis: string; at?: number } {
  const match = /^layers\.(\d+)\.(.+)$/.exec(key);
  return match ? { axis: match[2]!, at: Number(match[1]) } : { axis: key };
}

/** The sizes of all axes of one model: `layer 30, width 576, layers.0.ffn 1536 …`. Immutable. */
export class Axes {
  readonly rules: Readonly<Record<string, AxisRule>>;
  readonly #sizes: ReadonlyMap<string, number>;

  private constructor(rules: Readonly<Record<string, AxisRule>>, sizes: ReadonlyMap<string, number>) {
    this.rules = rules;
    this.#sizes = sizes;
  }

  /** The axes of an unedited model. */
  static of(rules: Readonly<Record<string, AxisRule>>): Axes {
    const sizes = new Map<string, number>();
    for (const [axis, rule] of Object.entries(rules)) if (!rule.perLayer) sizes.set(axis, rule.size);
    const perLayer = Object.entries(rules).filter(([, rule]) => rule.perLayer);
    for (let at = 0; at < (rules[LAYER]?.size ?? 0); at++) for (const [axis, rule] of perLayer) sizes.set(axisKey(axis, at), rule.sizes?.[at] ?? rule.size);
    return new Axes(rules, sizes);
  }

  get layers(): number {
    return this.#sizes.get(LAYER) ?? 0;
  }

  /** `[key, size]` of every axis, layer by layer. */
  entries(): [string, number][] {
    return [...this.#sizes];
  }

  /** The size of an axis; `at` is needed, and only used, for one that every layer has its own of. */
  size(axis: string, at?: number): number {
    const size = this.#sizes.get(this.key(axis, at));
    if (size === undefined) throw this.#unknown(axis, at);
    return size;
  }

  /** The one size that all layers share, or `undefined` when they differ. */
  common(axis: string): number | undefined {
    if (!this.rules[axis]?.perLayer) return this.size(axis);
    const sizes = new Set(Array.from({ length: this.layers }, (_, at) => this.size(axis, at)));
    return sizes.size === 1 ? [...sizes][0] : sizes.size === 0 ? this.rules[axis]!.size : undefined;
  }

  key(axis: string, at?: number): string {
    return this.rules[axis]?.perLayer ? axisKey(axis, at) : axis;
  }

  /** The axes after keeping `indices` of one axis: a dropped layer takes its own axes along. */
  keep(axis: string, at: number | undefined, indices: ArrayLike<number>): Axes {
    this.size(axis, at);
    const sizes = new Map(this.#sizes);
    sizes.set(this.key(axis, at), indices.length);
    if (axis !== LAYER) return new Axes(this.rules, sizes);
    for (const key of this.#sizes.keys()) if (parseAxisKey(key).at !== undefined) sizes.delete(key);
    const perLayer = Object.keys(this.rules).filter((name) => this.rules[name]!.perLayer);
    for (let now = 0; now < indices.length; now++) for (const name of perLayer) sizes.set(axisKey(name, now), this.size(name, indices[now]!));
    return new Axes(this.rules, sizes);
  }

  equals(other: Axes): boolean {
    if (other === this) return true;
    const mine = this.entries();
    return mine.length === other.entries().length && mine.every(([key, size]) => other.#sizes.get(key) === size);
  }

  #unknown(axis: string, at: number | undefined): PlanError {
    const known = Object.keys(this.rules);
    return new PlanError('AXIS_UNKNOWN', {
      found: `axis ${axisKey(axis, at)}`,
      expected: `one of ${known.join(', ')}${this.rules[axis]?.perLayer ? ` with a layer from 0 to ${this.layers - 1}` : ''}`,
      remedy: `Did you mean ${nearest(axis, known)}?`,
    });
  }
}

/**
 * An expression over axes that one dimension of a weight is made of: a sum (concatenation) of products (row-major),
 * each with an optional leading count: `vocab`, `kv·group·inner`, `3·head·inner`, `head·inner + inner + ffn`.
 */
export class Dimension {
  readonly text: string;
  readonly terms: readonly (readonly (string | number)[])[];

  constructor(text: string) {
    this.text = text;
    this.terms = text.split('+').map((term) => term.split('·').map((factor) => (/^\s*\d+\s*$/.test(factor) ? Number(factor) : factor.trim())));
  }

  /** Names of the axes in it. */
  get axes(): string[] {
    return [...new Set(this.terms.flat().filter((factor) => typeof factor === 'string'))];
  }

  size(axes: Axes, at?: number): number {
    return this.terms.reduce((sum, term) => sum + term.reduce<number>((product, factor) => product * factorSize(factor, axes, at), 1), 0);
  }

  /**
   * Positions along this dimension that stay when `kept` says which indices of each axis stay (`undefined`: all of them).
   * Returns `undefined` when every position stays.
   */
  positions(axes: Axes, at: number | undefined, kept: (axis: string) => ArrayLike<number> | undefined): Int32Array | undefined {
    if (!this.axes.some((axis) => kept(axis))) return undefined;
    const out: number[] = [];
    let start = 0;
    for (const term of this.terms) {
      let positions: number[] = [0];
      let size = 1;
      for (const factor of term) {
        const length = factorSize(factor, axes, at);
        const indices = (typeof factor === 'string' ? kept(factor) : undefined) ?? { length, all: true };
        const next: number[] = [];
        for (const position of positions) for (let i = 0; i < indices.length; i++) next.push(position * length + ('all' in indices ? i : indices[i]!));
        positions = next;
        size *= length;
      }
      for (const position of positions) out.push(start + position);
      start += size;
    }
    return Int32Array.from(out);
  }
}

function factorSize(factor: string | number, axes: Axes, at: number | undefined): number {
  return typeof factor === 'number' ? factor : axes.size(factor, at);
}
