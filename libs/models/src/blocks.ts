import type { Forward, LayerPass, Pass, Projection } from '@chop/core';
import {
  attention,
  embedding,
  gatedLinear,
  layerNorm,
  linear,
  part,
  positionEmbedding,
  projection,
  type QueryKeyValue,
  queryKeyValue,
  reshape,
  residual,
  rmsNorm,
  type RopeOptions,
  type RopeTables,
  ropeTables,
  swiglu,
  treeAttention,
} from '@chop/kernels';
import * as tf from '@tensorflow/tfjs-core';

/** `[batch, tokens]` → `[batch, tokens, width]`. */
export function embedded(pass: Pass, ids: tf.Tensor): tf.Tensor {
  return embedding(pass.weight('embed'), ids);
}

/** What the model predicts with: hidden states that are normed, and the output layer, which may be the embedding. */
export function predicted(pass: Pass, normed: tf.Tensor, tied: boolean): Projection {
  return projection(normed, pass.weight(tied ? 'embed' : 'head'));
}

/** The RMSNorm after the last layer, and what is predicted behind it. */
function predictedRms(pass: Pass, x: tf.Tensor, { eps, tied }: { eps: number; tied: boolean }): Projection {
  return predicted(pass, rmsNorm(x, pass.weight('norm'), { eps, live: pass.live('width') }), tied);
}

/** A forward pass that begins with the embedding and ends in an RMSNorm and the output layer. */
export function forwardRms<S extends { eps: number; tied: boolean }>(layer: Forward<S>['layer']): Forward<S> {
  return { embed: embedded, layer, project: predictedRms };
}

/** The same with a LayerNorm. */
export function forwardLayer<S extends { eps: number; tied: boolean }>(layer: Forward<S>['layer']): Forward<S> {
  return { embed: embedded, layer, project: predictedLayer };
}

/** The LayerNorm after the last layer, with its bias if it has one, and what is predicted behind it. */
export function predictedLayer(pass: Pass, x: tf.Tensor, { eps, tied }: { eps: number; tied: boolean }): Projection {
  const name = pass.model.blueprint.find('normBias');
  const bias = name === undefined ? undefined : pass.model.value(name);
  return predicted(pass, layerNorm(x, pass.weight('norm'), { bias, eps, live: pass.live('width') }), tied);
}

/** What the linear layer of a role multiplies and adds, its input tapped as `layers.AT.ROLE.input`. */
const factorsOf = (at: LayerPass, role: string, x: tf.Tensor): Factors => ({
  x: at.tap(`${role}.input`, x),
  weight: at.weight(role),
  bias: at.optional(`${role}Bias`),
});

interface Factors {
  readonly x: tf.Tensor;
  readonly weight: tf.Tensor;
  readonly bias: tf.Tensor | undefined;
}

const multiplied = ({ x, weight, bias }: Factors): tf.Tensor => linear(x, weight, bias);

/** Whether linear layers have nothing but their weights of their own. */
const alike = (first: Factors, ...others: Factors[]): boolean => !first.bias && others.every(({ x, bias }) => x === first.x && !bias);

/** The linear layer of a role, its input tapped as `layers.AT.ROLE.input`. */
export function project(at: LayerPass, role: string, x: tf.Tensor): tf.Tensor {
  return multiplied(factorsOf(at, role, x));
}

/** Heads of `inner` numbers of queries, keys and values over x. */
export function queriesKeysValues(at: LayerPass, x: tf.Tensor, inner: number): QueryKeyValue {
  const [q, k, v] = [factorsOf(at, 'q', x), factorsOf(at, 'k', x), factorsOf(at, 'v', x)];
  if (alike(q, k, v)) return queryKeyValue(q.x, { q: q.weight, k: k.weight, v: v.weight }, inner);
  const heads = (own: Factors): tf.Tensor => headsOf(multiplied(own), inner);
  return { q: heads(q), k: heads(k), v: heads(v) };
}

/** The gated unit of a feed-forward network, `silu(gate) · up` of two matrices over x. */
export function gated(at: LayerPass, x: tf.Tensor): tf.Tensor {
  const [gate, up] = [factorsOf(at, 'gate', x), factorsOf(at, 'up', x)];
  return alike(gate, up) ? gatedLinear(gate.x, gate.weight, up.weight) : swiglu(multiplied(gate), multiplied(up));
}

/** The LayerNorm of a role along the width, with its bias if it has one. */
export function normedLayer(at: LayerPass, role: string, x: tf.Tensor, { eps }: { eps: number }): tf.Tensor {
  return layerNorm(x, at.weight(role), { bias: at.optional(`${role}Bias`), eps, live: at.live('width') });
}

/** The RMSNorm of a role along the width. */
export function normedRms(at: LayerPass, role: string, x: tf.Tensor, { eps }: { eps: number }): tf.Tensor {
  return rmsNorm(x, at.weight(role), { eps, live: at.live('width') });
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
  const positions = pass.options.tree?.places ?? tokens;
  return pass.shared(
    `rope ${tokens} ${JSON.stringify(options)}`,
    (offset, length) => ropeTables({ positions, offset, ...(length === undefined ? {} : { length }), ...options }) as never,
  );
}

/** Hidden states `[batch, tokens, width]` with the learned embedding of each token's place added. */
export function positioned(pass: Pass, x: tf.Tensor): tf.Tensor {
  const [table, { tree }] = [pass.weight('positions'), pass.options];
  if (tree === undefined) return positionEmbedding(x, table, pass.position);
  return residual(x, embedding(table, tf.tensor2d(tree.places, [1, tree.places.length], 'int32')));
}

/** Queries `[batch, tokens, heads, inner]` in their places, keys and values `[batch, tokens, kv, inner]`. */
export interface Attended {
  readonly q: tf.Tensor;
  readonly k: tf.Tensor;
  readonly v: tf.Tensor;
}

/**
 * Causal self-attention over these tokens and those in the cache, or over those of each one's text in a tree, `[batch, tokens, heads · inner]`.
 *
 * @param options - `window`: how many tokens back a query sees, default all; `scale`: of the scores, default `1 / sqrt(inner)`.
 */
export function attend(at: LayerPass, { q, ...fresh }: Attended, { window, scale }: { window?: number | undefined; scale?: number } = {}): tf.Tensor {
  const { cache, segments, tree } = at.pass.options;
  const { k, v } = cache ? cache.append(at.at, fresh.k, fresh.v) : fresh;
  const own = { ...(window === undefined ? {} : { window }), ...(scale === undefined ? {} : { scale }) };
  const mixed = tree
    ? treeAttention(q, k, v, { parents: tree.parents, ...own })
    : attention(q, k, v, { offset: at.pass.position, ...(segments ? { segments } : {}), ...own });
  const [batch, tokens, heads, inner] = q.shape as [number, number, number, number];
  return reshape(mixed, [batch, tokens, heads * inner]);
}
