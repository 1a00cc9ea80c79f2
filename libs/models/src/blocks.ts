import type { LayerPass, Pass } from '@chop/core';
import { attention, layerNorm, linear, part, reshape, type RopeOptions, type RopeTables, ropeTables } from '@chop/kernels';
import type * as tf from '@tensorflow/tfjs-core';

/** The linear layer of a role, its input tapped as `layers.AT.ROLE.input`. */
export function project(at: LayerPass, role: string, x: tf.Tensor): tf.Tensor {
  return linear(at.tap(`${role}.input`, x), at.weight(role), at.optional(`${role}Bias`));
}

/** The LayerNorm of a role along the width, with its bias. */
export function normedLayer(at: LayerPass, role: string, x: tf.Tensor, eps: number): tf.Tensor {
  return layerNorm(x, at.weight(role), { bias: at.optional(`${role}Bias`), eps, live: at.live('width') });
}

/** The LayerNorm after the last layer. */
export function normedFinal(pass: Pass, x: tf.Tensor, eps: number): tf.Tensor {
  return layerNorm(x, pass.weight('norm'), { bias: pass.weight('normBias'), eps, live: pass.live('width') });
}

/** What one of several matrices has made that are stored as one: the last axis in pieces of these sizes. */
export function parts(x: tf.Tensor, sizes: readonly number[]): tf.Tensor[] {
  const ends = sizes.map((_, i) => sizes.slice(0, i + 1).reduce((sum, size) => sum + size, 0));
  return sizes.map((size, i) => part(x, { from: ends[i]! - size, size }));
}

/** `[batch, tokens, count · inner]` → `[batch, tokens, count, inner]`. */
export function headsOf(x: tf.Tensor, inner: number): tf.Tensor {
  const [batch, tokens, features] = x.shape as [number, number, number];
  return reshape(x, [batch, tokens, features / inner, inner]);
}

/** Sines and cosines of the tokens of a pass: made once for all layers that turn by the same angles. */
export function rotary(pass: Pass, tokens: number, options: Pick<RopeOptions, 'inner' | 'theta' | 'scaling'>): RopeTables {
  return pass.shared(`rope ${tokens} ${JSON.stringify(options)}`, (offset) => ropeTables({ positions: tokens, offset, ...options }) as never);
}

/** Queries `[batch, tokens, heads, inner]` in their places, keys and values `[batch, tokens, kv, inner]`. */
export interface Attended {
  readonly q: tf.Tensor;
  readonly k: tf.Tensor;
  readonly v: tf.Tensor;
}

/**
 * Causal self-attention over these tokens and those in the cache, `[batch, tokens, heads · inner]`.
 *
 * @param options - `window`: how many tokens back a query sees, default all; `scale`: of the scores, default `1 / sqrt(inner)`.
 */
export function attend(at: LayerPass, { q, ...fresh }: Attended, { window, scale }: { window?: number | undefined; scale?: number } = {}): tf.Tensor {
  const { cache, segments } = at.pass.options;
  const { k, v } = cache ? cache.append(at.at, fresh.k, fresh.v) : fresh;
  const mixed = attention(q, k, v, {
    offset: at.pass.position,
    ...(window === undefined ? {} : { window }),
    ...(scale === undefined ? {} : { scale }),
    ...(segments ? { segments } : {}),
  });
  const [batch, tokens, heads, inner] = q.shape as [number, number, number, number];
  return reshape(mixed, [batch, tokens, heads * inner]);
}
