import type { Axes, Blueprint } from '@chop/core';

/** One walk through a model. */
export interface Walk {
  /** Texts side by side. */
  readonly batch: number;
  /** Tokens of each that were read before, and are attended to. */
  readonly before?: number;
  /** Tokens of each that are read now. */
  readonly tokens: number;
}

/** Axes whose product is the number of a layer's attention heads, in whichever of these words a family counts them. */
const HEADS = ['head', 'kv', 'group'];

/**
 * Floating-point operations of a walk that predicts after its last token: twice the multiply-adds of the layers' matrices, of attention (scores and
 * mixing, causal: a token attends to itself and those before it) and of the output layer. Norms, positions and activations are left out (below 1 %),
 * a sliding window is not taken off, and a weight that a mask has zeroed counts: the products are dense.
 */
export function walkFlops(blueprint: Blueprint, { batch, before = 0, tokens }: Walk): number {
  const { axes } = blueprint;
  const layers = Array.from({ length: axes.layers }, (_, at) => at);
  const perToken = layers.flatMap((at) => blueprint.linears(at)).reduce((sum, { shape: [out, into] }) => sum + out! * into!, 0);
  const attended = tokens * before + (tokens * (tokens + 1)) / 2;
  const perAttended = layers.reduce((sum, at) => sum + 2 * attentionWidth(axes, at), 0);
  const output = axes.size('vocab') * axes.size('width');
  return 2 * batch * (tokens * perToken + attended * perAttended + output);
}

/** Heads times their size; 0 of a layer without attention. */
function attentionWidth(axes: Axes, at: number): number {
  const heads = HEADS.filter((axis) => axis in axes.rules);
  return heads.length > 0 && 'inner' in axes.rules ? heads.reduce((product, axis) => product * axes.size(axis, at), axes.size('inner', at)) : 0;
}
