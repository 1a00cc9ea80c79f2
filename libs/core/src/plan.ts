import type { Tensor } from '@tensorflow/tfjs-core';
import { LAYER, parseAxisKey } from './axis.js';
import type { Blueprint, Weight } from './blueprint.js';
import type { Edit } from './edit.js';
import { PlanError } from './error.js';
import { gather, type Positions } from './gather.js';
import { Mask } from './mask.js';

/**
 * Edits as data, in normal form: what is kept of each axis (indices of the model before), then new values and masks (in the shape of,
 * and under the names of, the model after). Immutable; composed with {@link Plan.followedBy}.
 */
export class Plan {
  readonly before: Blueprint;
  readonly after: Blueprint;
  /** By axis key of the model before (`layer`, `width`, `layers.3.ffn`): the indices that stay. Dropped layers have no keys. */
  readonly keeps: ReadonlyMap<string, Int32Array>;
  readonly masks: ReadonlyMap<string, Mask>;
  readonly replacements: ReadonlyMap<string, Float32Array>;

  private constructor(
    before: Blueprint,
    keeps: ReadonlyMap<string, Int32Array>,
    masks: ReadonlyMap<string, Mask>,
    replacements: ReadonlyMap<string, Float32Array>,
    after?: Blueprint,
  ) {
    this.before = before;
    this.keeps = keeps;
    this.masks = masks;
    this.replacements = replacements;
    this.after = after ?? cutBlueprint(before, keeps);
  }

  /** The plan that changes nothing. */
  static nothing(model: Blueprint): Plan {
    return new Plan(model, new Map(), new Map(), new Map(), model);
  }

  /** From its parts, checked: what a plan file holds. */
  static of(
    model: Blueprint,
    parts: { keeps?: ReadonlyMap<string, ArrayLike<number>>; masks?: ReadonlyMap<string, Mask>; replacements?: ReadonlyMap<string, Float32Array> },
  ): Plan {
    const keeps = new Map([...(parts.keeps ?? [])].map(([key, indices]) => [key, Int32Array.from(indices)]));
    const plan = new Plan(model, keeps, parts.masks ?? new Map(), parts.replacements ?? new Map());
    for (const [name, { shape }] of plan.masks) checkShape(plan.after, name, shape, 'mask');
    for (const [name, values] of plan.replacements) {
      const { shape } = plan.after.weight(name);
      if (values.length !== shape.reduce((product, size) => product * size, 1))
        throw new PlanError('PLAN_SHAPE', { found: `${values.length} values for ${name}`, expected: `[${shape.join(', ')}]` });
    }
    return plan;
  }

  /** This plan, then one more edit on its result. A latent mask lives in training only and cannot be in a plan. */
  async with(edit: Edit): Promise<Plan> {
    return this.followedBy(await planOf(this.after, edit));
  }

  /** One plan that does what this one and then `next` would do. */
  followedBy(next: Plan): Plan {
    if (!next.before.axes.equals(this.after.axes)) {
      throw new PlanError('PLAN_OTHER_MODEL', {
        found: 'a plan for a model of other sizes',
        expected: 'a plan for the model that this plan leaves',
        remedy: 'Make the second plan on the result of the first.',
      });
    }
    const layers = this.keeps.get(LAYER);
    const original = (at: number): number => layers?.[at] ?? at;
    const keeps = new Map(this.keeps);
    for (const [key, indices] of next.keeps) {
      const { axis, at } = parseAxisKey(key);
      const mine = this.before.axes.key(axis, at === undefined ? undefined : original(at));
      const earlier = this.keeps.get(mine);
      keeps.set(mine, earlier ? indices.map((index) => earlier[index]!) : indices);
    }
    const stay = keeps.get(LAYER);
    if (stay) for (const key of keeps.keys()) if (!stay.includes(parseAxisKey(key).at ?? stay[0]!)) keeps.delete(key);
    const masks = new Map(next.keeps.size === 0 ? this.masks : []);
    const replacements = new Map(next.keeps.size === 0 ? this.replacements : []);
    const touched = next.keeps.size === 0 ? [...next.masks.keys(), ...next.replacements.keys()] : next.after.weights.keys();
    for (const name of new Set(touched)) {
      const from = sourceOf(next, next.after.weight(name));
      const shape = next.after.weight(name).shape;
      const values = next.replacements.get(name) ?? cutValues(this.replacements.get(from.name), from);
      const earlier = next.replacements.has(name) ? undefined : cutMask(this.masks.get(from.name), from, shape);
      const later = next.masks.get(name);
      const both = earlier && later ? earlier.and(later) : (earlier ?? later);
      if (values) replacements.set(name, values);
      if (both) masks.set(name, both);
      else masks.delete(name);
    }
    return new Plan(this.before, keeps, masks, replacements, next.after);
  }

  /** The indices of the model before that an axis still has: `[0, 1, …]` when it is untouched. */
  indices(axis: string, at?: number): Int32Array {
    const key = this.before.axes.key(axis, at);
    return this.keeps.get(key) ?? Int32Array.from({ length: this.before.axes.size(axis, at) }, (_, i) => i);
  }

  get isNothing(): boolean {
    return this.keeps.size === 0 && this.masks.size === 0 && this.replacements.size === 0;
  }

  /** What the plan would do, a line each: `layer 30 → 15`, `134.5 M → 81.4 M parameters`. */
  explain(): string {
    const lines: string[] = [];
    const seen = new Map<string, number>();
    for (const [key, indices] of this.keeps) {
      const { axis, at } = parseAxisKey(key);
      const line = `${axis} ${this.before.axes.size(axis, at)} → ${indices.length}`;
      seen.set(line, (seen.get(line) ?? 0) + 1);
    }
    for (const [line, times] of seen) lines.push(times > 1 ? `${line} in ${times} layers` : line);
    if (this.masks.size > 0) {
      let kept = 0;
      let total = 0;
      for (const one of this.masks.values()) {
        kept += one.kept;
        total += one.total;
      }
      lines.push(`${this.masks.size} weights masked, ${((100 * kept) / total).toFixed(1)} % of their elements kept`);
    }
    if (this.replacements.size > 0) lines.push(`${this.replacements.size} weights replaced`);
    const millions = (count: number): string => `${(count / 1e6).toFixed(1)} M`;
    lines.push(lines.length === 0 ? 'nothing changes' : `${millions(this.before.parameters)} → ${millions(this.after.parameters)} parameters`);
    return lines.join(' · ');
  }
}

/** The bits of a bool tensor as a {@link Mask} holds them. */
export type PackBits = (kept: Tensor) => Promise<Uint8Array>;

/**
 * One edit as a plan of its own on `model`.
 *
 * @param packBits - what bool masks are packed by; default: in JavaScript, from a byte for each element.
 * @throws {@link PlanError} `PLAN_SHAPE` for a mask or values of another shape than the weight's; `PLAN_LATENT` for a latent mask.
 */
export async function planOf(model: Blueprint, edit: Edit, packBits?: PackBits): Promise<Plan> {
  if ('keep' in edit) return Plan.of(model, { keeps: new Map([[model.axes.key(edit.keep, edit.at), edit.indices]]) });
  if ('replace' in edit) {
    checkShape(model, edit.replace, edit.by.shape, 'replacement');
    return Plan.of(model, { replacements: new Map([[edit.replace, (await edit.by.data()) as Float32Array]]) });
  }
  if ('maskAxis' in edit || edit.latent) {
    throw new PlanError('PLAN_LATENT', {
      found: 'a latent mask',
      expected: 'edits that last',
      remedy: 'A method that trains through latent masks runs inside training: chop train --prune NAME.',
    });
  }
  checkShape(model, edit.mask, edit.kept.shape, 'mask');
  const { shape, dtype } = edit.kept;
  const kept = packBits && dtype === 'bool' ? new Mask(shape, await packBits(edit.kept)) : Mask.from(shape, await edit.kept.data());
  return Plan.of(model, { masks: new Map([[edit.mask, kept]]) });
}

/** A weight of the model before a plan, and which of its positions stay. */
export type Source = Weight & { readonly positions: Positions };

/** Where a weight of the plan's result comes from. */
export function sourceOf(plan: Plan, weight: Weight): Source {
  if (plan.keeps.size === 0) return { ...weight, positions: weight.dimensions.map(() => undefined) };
  const layers = plan.keeps.get(LAYER);
  const at = weight.at === undefined ? undefined : (layers?.[weight.at] ?? weight.at);
  const before = plan.before.weight(plan.before.named(weight.role, at));
  const kept = (axis: string): Int32Array | undefined => plan.keeps.get(plan.before.axes.key(axis, at));
  return { ...before, positions: before.dimensions.map((dimension) => dimension.positions(plan.before.axes, at, kept)) };
}

function cutValues(values: Float32Array | undefined, from: Source): Float32Array | undefined {
  return values && gather(values, from.shape, from.positions);
}

function cutMask(kept: Mask | undefined, from: Source, shape: readonly number[]): Mask | undefined {
  if (!kept || from.positions.every((positions) => !positions)) return kept;
  return Mask.from(shape, gather(kept.unpack(), from.shape, from.positions));
}

function cutBlueprint(before: Blueprint, keeps: ReadonlyMap<string, Int32Array>): Blueprint {
  const layers = keeps.get(LAYER);
  let blueprint = before;
  for (const [key, indices] of keeps) {
    const { axis, at } = parseAxisKey(key);
    if (key !== LAYER && (at === undefined || !layers || layers.includes(at))) blueprint = blueprint.keep(axis, at, indices);
  }
  return layers ? blueprint.keep(LAYER, undefined, layers) : blueprint;
}

function checkShape(model: Blueprint, name: string, shape: readonly number[], what: string): void {
  const expected = model.weight(name).shape;
  if (shape.length === expected.length && shape.every((size, i) => size === expected[i])) return;
  throw new PlanError('PLAN_SHAPE', { found: `a ${what} of shape [${shape.join(', ')}] for ${name}`, expected: `[${expected.join(', ')}]` });
}
