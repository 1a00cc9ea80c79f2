import { type Axes, CheckpointError, type Config, family, type LayerPass } from '@chop/core';
import { gelu, reshape, residual, rope, type RopeScaling } from '@chop/kernels';
import type * as tf from '@tensorflow/tfjs-core';
import { z } from 'zod';
import { attend, forwardLayer, normedLayer, parts, project, rotary } from './blocks.js';
import { axesOf, count, geluOf, layerCount, type PlainSettings, readConfig } from './config.js';
import { gptNeoxInGguf } from './gpt-gguf.js';
import { scalingOf, scalingSchema } from './rope-scaling.js';

const configSchema = z.looseObject({
  vocab_size: count,
  hidden_size: count,
  intermediate_size: count,
  num_hidden_layers: layerCount,
  num_attention_heads: count,
  head_dim: count.nullish(),
  hidden_act: z.string().default('gelu'),
  layer_norm_eps: z.number().positive().default(1e-5),
  rotary_pct: z.number().positive().max(1).default(0.25),
  rotary_emb_base: z.number().positive().default(10000),
  rope_scaling: scalingSchema.nullish(),
  max_position_embeddings: z.number().positive().nullish(),
  use_parallel_residual: z.boolean().default(true),
  attention_bias: z.boolean().default(true),
  tie_word_embeddings: z.boolean().default(false),
});

/** What the forward pass and the table need of a config. */
export interface GptNeoxSettings extends PlainSettings {
  readonly theta: number;
  readonly scaling: RopeScaling;
  /** Features of a head that are turned by its position: the first ones. */
  readonly turned: number;
  /** Attention and feed-forward network read the same stream. */
  readonly parallel: boolean;
  readonly biased: boolean;
}

function settingsOf(config: Config): GptNeoxSettings {
  const c = readConfig(configSchema, config);
  const inner = c.head_dim ?? c.hidden_size / c.num_attention_heads;
  if (!Number.isInteger(inner))
    throw new CheckpointError('CONFIG_INVALID', {
      found: `hidden_size ${c.hidden_size} for ${c.num_attention_heads} heads`,
      expected: 'a whole size of a head',
    });
  const turned = Math.floor(inner * c.rotary_pct);
  return {
    layers: c.num_hidden_layers,
    width: c.hidden_size,
    ffn: c.intermediate_size,
    heads: c.num_attention_heads,
    inner,
    vocab: c.vocab_size,
    eps: c.layer_norm_eps,
    theta: c.rotary_emb_base,
    scaling: scalingOf(c.rope_scaling, { turned, context: c.max_position_embeddings }),
    turned,
    approximate: geluOf('hidden_act', c.hidden_act),
    parallel: c.use_parallel_residual,
    biased: c.attention_bias,
    tied: c.tie_word_embeddings,
  };
}

/** Sizes written back; `head_dim`, which Python's GPT-NeoX does not know, where it is no longer the width over the heads. */
function resize(config: Config, axes: Axes): Config {
  const [heads, inner, ffn] = [axes.common('head'), axes.common('inner')!, axes.common('ffn')];
  return {
    ...config,
    num_hidden_layers: axes.layers,
    hidden_size: axes.size('width'),
    ...(heads === undefined ? {} : { num_attention_heads: heads }),
    ...(ffn === undefined ? {} : { intermediate_size: ffn }),
    ...(heads === undefined || heads * inner === axes.size('width') ? {} : { head_dim: inner }),
  };
}

/** GPT-NeoX: attention and feed-forward network side by side, a quarter of each head turned by its position, queries, keys and values head by head. */
export const gptNeox = family<GptNeoxSettings>({
  name: 'gpt-neox',
  description: 'GPT-NeoX, Pythia: parallel residuals, partial RoPE, LayerNorm, GELU (Black et al., arXiv 2204.06745).',
  architectures: ['GPTNeoXForCausalLM'],
  settings: settingsOf,
  resize,
  gguf: gptNeoxInGguf(settingsOf),
  base: 'gpt_neox.',
  ignores: (name) => /attention\.(bias|masked_bias|rotary_emb\.inv_freq)$/.test(name),

  axes: (settings) => axesOf(settings, { head: settings.heads }),

  table: ({ biased, tied }) => ({
    outer: {
      embed: ['gpt_neox.embed_in.weight', 'vocab', 'width'],
      norm: ['gpt_neox.final_layer_norm.weight', 'width'],
      normBias: ['gpt_neox.final_layer_norm.bias', 'width'],
      ...(tied ? {} : { head: ['embed_out.weight', 'vocab', 'width'] as const }),
    },
    prefix: (at) => `gpt_neox.layers.${at}.`,
    layer: {
      attentionNorm: ['input_layernorm.weight', 'width'],
      attentionNormBias: ['input_layernorm.bias', 'width'],
      qkv: ['attention.query_key_value.weight', 'head·3·inner', 'width'],
      o: ['attention.dense.weight', 'width', 'head·inner'],
      ...(biased ? ({ qkvBias: ['attention.query_key_value.bias', 'head·3·inner'], oBias: ['attention.dense.bias', 'width'] } as const) : {}),
      ffnNorm: ['post_attention_layernorm.weight', 'width'],
      ffnNormBias: ['post_attention_layernorm.bias', 'width'],
      up: ['mlp.dense_h_to_4h.weight', 'ffn', 'width'],
      upBias: ['mlp.dense_h_to_4h.bias', 'ffn'],
      down: ['mlp.dense_4h_to_h.weight', 'width', 'ffn'],
      downBias: ['mlp.dense_4h_to_h.bias', 'width'],
    },
  }),

  forward: forwardLayer((at, x, settings) => {
    const mixed = at.needed(attended(at, normedLayer(at, 'attentionNorm', x, settings), settings));
    const before = at.needed(x);
    const between = residual(before, project(at, 'o', mixed));
    const up = project(at, 'up', normedLayer(at, 'ffnNorm', settings.parallel ? before : between, settings));
    return residual(between, project(at, 'down', gelu(up, settings)));
  }),
});

/** Each head has its query, key and value one behind the other. */
function attended(at: LayerPass, x: tf.Tensor, { theta, scaling, turned }: GptNeoxSettings): tf.Tensor {
  const [batch, tokens] = x.shape as [number, number];
  const inner = at.size('inner');
  const [q, k, v] = parts(reshape(project(at, 'qkv', x), [batch, tokens, at.size('head'), 3 * inner]), [inner, inner, inner]);
  const tables = rotary(at.pass, tokens, { inner: turned, theta, scaling });
  return attend(at, { q: rope(q!, tables), k: rope(k!, tables), v: v! });
}
