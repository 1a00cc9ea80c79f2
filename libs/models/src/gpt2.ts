import { type Axes, CheckpointError, type Config, family, type LayerPass } from '@chop/core';
import { gelu, residual } from '@chop/kernels';
import type * as tf from '@tensorflow/tfjs-core';
import { z } from 'zod';
import { attend, embedded, headsOf, normedLayer, parts, positioned, predictedLayer, project } from './blocks.js';
import { axesOf, count, geluOf, layerCount, type PlainSettings, readConfig, unsupported } from './config.js';
import { gpt2InGguf } from './gpt-gguf.js';

const configSchema = z.looseObject({
  vocab_size: count,
  n_positions: count,
  n_embd: count,
  n_layer: layerCount,
  n_head: count,
  n_inner: count.nullish(),
  head_dim: count.nullish(),
  activation_function: z.string().default('gelu_new'),
  layer_norm_epsilon: z.number().positive().default(1e-5),
  scale_attn_weights: z.boolean().default(true),
  scale_attn_by_inverse_layer_idx: z.boolean().default(false),
  add_cross_attention: z.boolean().default(false),
  tie_word_embeddings: z.boolean().default(true),
});

/** What the forward pass and the table need of a config. */
export interface Gpt2Settings extends PlainSettings {
  /** Tokens that have a position. */
  readonly context: number;
}

function settingsOf(config: Config): Gpt2Settings {
  const c = readConfig(configSchema, config);
  if (!c.scale_attn_weights || c.scale_attn_by_inverse_layer_idx || c.add_cross_attention)
    throw unsupported('a config with unscaled scores, scores scaled by layer, or cross-attention', 'GPT-2 as it was published');
  const inner = c.head_dim ?? c.n_embd / c.n_head;
  if (!Number.isInteger(inner))
    throw new CheckpointError('CONFIG_INVALID', { found: `n_embd ${c.n_embd} for ${c.n_head} heads`, expected: 'a whole size of a head' });
  return {
    layers: c.n_layer,
    width: c.n_embd,
    ffn: c.n_inner ?? 4 * c.n_embd,
    heads: c.n_head,
    inner,
    vocab: c.vocab_size,
    context: c.n_positions,
    eps: c.layer_norm_epsilon,
    approximate: geluOf('activation_function', c.activation_function),
    tied: c.tie_word_embeddings,
  };
}

/** Sizes written back; `head_dim`, which Python's GPT-2 does not know, where it is no longer the width over the heads. */
function resize(config: Config, axes: Axes): Config {
  const [width, heads, inner, ffn] = [axes.size('width'), axes.common('head'), axes.common('inner'), axes.common('ffn')];
  return {
    ...config,
    n_layer: axes.layers,
    n_embd: width,
    ...(heads === undefined ? {} : { n_head: heads }),
    ...(ffn === undefined ? {} : { n_inner: ffn }),
    ...(heads === undefined || heads * inner! === width ? {} : { head_dim: inner }),
  };
}

/**
 * GPT-2: learned positions, LayerNorm before each half of a layer, GELU, biases everywhere. Its matrices are stored `[in, out]`, queries, keys and values
 * as one.
 */
export const gpt2 = family<Gpt2Settings>({
  name: 'gpt2',
  description: 'GPT-2, DistilGPT2: learned positions, LayerNorm, GELU (Radford et al. 2019).',
  architectures: ['GPT2LMHeadModel'],
  settings: settingsOf,
  resize,
  gguf: gpt2InGguf(settingsOf),
  base: 'transformer.',
  ignores: (name) => /(^|\.)attn\.(masked_)?bias$/.test(name) || name === 'lm_head.weight',

  axes: (settings) => ({
    ...axesOf(settings, { head: settings.heads }, 'The scores are scaled by the size of a head: drop whole heads instead.'),
    context: { size: settings.context, pinned: 'The positions are the length of text that the model reads.' },
  }),

  table: ({ tied }) => ({
    outer: {
      embed: ['transformer.wte.weight', 'vocab', 'width'],
      positions: ['transformer.wpe.weight', 'context', 'width'],
      norm: ['transformer.ln_f.weight', 'width'],
      normBias: ['transformer.ln_f.bias', 'width'],
      ...(tied ? {} : { head: ['lm_head.weight', 'vocab', 'width'] as const }),
    },
    prefix: (at) => `transformer.h.${at}.`,
    layer: {
      attentionNorm: ['ln_1.weight', 'width'],
      attentionNormBias: ['ln_1.bias', 'width'],
      qkv: ['attn.c_attn.weightᵀ', '3·head·inner', 'width'],
      qkvBias: ['attn.c_attn.bias', '3·head·inner'],
      o: ['attn.c_proj.weightᵀ', 'width', 'head·inner'],
      oBias: ['attn.c_proj.bias', 'width'],
      ffnNorm: ['ln_2.weight', 'width'],
      ffnNormBias: ['ln_2.bias', 'width'],
      up: ['mlp.c_fc.weightᵀ', 'ffn', 'width'],
      upBias: ['mlp.c_fc.bias', 'ffn'],
      down: ['mlp.c_proj.weightᵀ', 'width', 'ffn'],
      downBias: ['mlp.c_proj.bias', 'width'],
    },
  }),

  forward: {
    embed: (pass, ids) => positioned(pass, embedded(pass, ids)),

    layer(at, x, settings) {
      const mixed = at.needed(attended(at, normedLayer(at, 'attentionNorm', x, settings)));
      const between = residual(at.needed(x), project(at, 'o', mixed));
      const up = project(at, 'up', normedLayer(at, 'ffnNorm', between, settings));
      return residual(between, project(at, 'down', gelu(up, settings)));
    },

    project: predictedLayer,
  },
});

function attended(at: LayerPass, x: tf.Tensor): tf.Tensor {
  const [heads, inner] = [at.size('head'), at.size('inner')];
  const [q, k, v] = parts(project(at, 'qkv', x), [heads * inner, heads * inner, heads * inner]).map((each) => headsOf(each, inner));
  return attend(at, { q: q!, k: k!, v: v! });
}
