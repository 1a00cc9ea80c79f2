import type { Axes, View, Weight } from '@chop/core';
import { columnSums, rowSums } from '@chop/kernels';
import type * as tf from '@tensorflow/tfjs-core';

/** Axes along which DimCHOP's scores can be summed. */
export const SHARED = ['ffn', 'kv', 'width'] as const;

/** Every instance of the named axes: one for the whole model, or one per layer. */
export function sharedAxes(axes: Axes, names: readonly string[]): { axis: string; at?: number }[] {
  return names.flatMap((axis): { axis: string; at?: number }[] =>
    axes.rules[axis]?.perLayer ? Array.from({ length: axes.layers }, (_, at) => ({ axis, at })) : [{ axis }],
  );
}

/** For each index of an axis, the sum of |S| over all entries of the blocks' matrices that have it. */
export async function axisScores(model: View, axis: string, at: number | undefined, score: (w: Weight) => tf.Tensor): Promise<Float64Array> {
  const totals = new Float64Array(model.axes.size(axis, at));
  for (const w of model.linears(at)) {
    for (const [dimension, expression] of w.dimensions.entries()) {
      if (!expression.axes.includes(axis)) continue;
      const line = await (dimension === 0 ? rowSums : columnSums)(score(w)).data();
      for (let index = 0; index < totals.length; index++) {
        for (const position of expression.positions(model.axes, w.at, (name) => (name === axis ? [index] : undefined))!) totals[index]! += line[position]!;
      }
    }
  }
  return totals;
}

/** The `count` indices with the lowest scores; ties go to the lower index. */
export function lowest(scores: ArrayLike<number>, count: number): Set<number> {
  const order = Array.from(scores, (_, index) => index).sort((a, b) => scores[a]! - scores[b]! || a - b);
  return new Set(order.slice(0, count));
}
