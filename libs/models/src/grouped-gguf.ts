import { type Blueprint, type Config, type GgufNames } from '@chop/core';
import type { Gemma3Settings } from './gemma3.js';
import { expectFullHeads, type GgufFacts, groupedFacts, unsupported } from './gguf-layout.js';
import { ggufNames, type Metadata } from './gguf-names.js';
import { LONG_FACTORS, longropeIn, SHORT_FACTORS } from './gguf-scaling.js';
import { LAYER, OUTER } from './llama-gguf-names.js';
import type { Olmo2Settings } from './olmo2.js';
import type { Phi3Settings } from './phi3.js';

/** What these families call as llama does. */
const { attn_norm, attn_output, attn_q, attn_k, attn_v, attn_q_norm, attn_k_norm, ffn_norm, ffn_gate, ffn_up, ffn_down } = LAYER as Record<string, string>;
const ATTENTION = { attn_q: attn_q!, attn_k: attn_k!, attn_v: attn_v!, attn_output: attn_output!, attn_q_norm: attn_q_norm!, attn_k_norm: attn_k_norm! };
const FEED_FORWARD = { ffn_gate: ffn_gate!, ffn_up: ffn_up!, ffn_down: ffn_down! };
const PREFIX = 'model.layers.';

/** Phi-3 in GGUF files. */
export const phi3InGguf = (settings: (config: Config) => Phi3Settings): GgufNames =>
  ggufNames({
    architectures: ['phi3'],
    outer: OUTER,
    layer: {
      attn_norm: attn_norm!,
      attn_qkv: 'self_attn.qkv_proj',
      attn_output: attn_output!,
      ffn_norm: ffn_norm!,
      ffn_up: 'mlp.gate_up_proj',
      ffn_down: ffn_down!,
    },
    prefix: PREFIX,
    skip: (name) => name === LONG_FACTORS || name === SHORT_FACTORS,
    facts: (blueprint) => phi3Facts(blueprint, settings(blueprint.config)),
    async config(metadata) {
      const [grouped, turned, window] = [metadata.grouped(), metadata.number('rope.dimension_count'), metadata.number('attention.sliding_window')];
      return {
        architectures: ['Phi3ForCausalLM'],
        model_type: 'phi3',
        ...grouped,
        ...(turned === undefined ? {} : { partial_rotary_factor: turned / (grouped['head_dim'] as number) }),
        ...(window ? { sliding_window: window } : {}),
        ...(await longropeIn(metadata)),
      };
    },
  });

/** OLMo 2 in GGUF files. */
export const olmo2InGguf = (settings: (config: Config) => Olmo2Settings): GgufNames =>
  ggufNames({
    architectures: ['olmo2'],
    outer: OUTER,
    layer: { ...ATTENTION, ...FEED_FORWARD, post_attention_norm: 'post_attention_layernorm', post_ffw_norm: 'post_feedforward_layernorm' },
    prefix: PREFIX,
    facts: (blueprint) => olmo2Facts(blueprint, settings(blueprint.config)),
    config: (metadata) => ({
      architectures: ['Olmo2ForCausalLM'],
      model_type: 'olmo2',
      ...metadata.grouped(),
      attention_bias: metadata.raw.tensors.has('blk.0.attn_q.bias'),
    }),
  });

/** The largest Gemma 3 scales its scores by the width over the heads, the others by the size of a head (llama.cpp tells it by its layers, too). */
const LARGEST_LAYERS = 62;

/** Gemma 3 in GGUF files: gains stand there as they are used, not as their distance from one. */
export const gemma3InGguf = (settings: (config: Config) => Gemma3Settings): GgufNames =>
  ggufNames({
    architectures: ['gemma3'],
    outer: OUTER,
    layer: {
      ...ATTENTION,
      ...FEED_FORWARD,
      attn_norm: attn_norm!,
      post_attention_norm: 'post_attention_layernorm',
      ffn_norm: 'pre_feedforward_layernorm',
      post_ffw_norm: 'post_feedforward_layernorm',
    },
    prefix: PREFIX,
    facts: (blueprint) => gemma3Facts(blueprint, settings(blueprint.config)),
    excess: (name) => (/norm\.weight$/.test(name) ? 1 : 0),
    config(metadata) {
      const grouped = metadata.grouped();
      const [width, heads, inner, layers] = ['hidden_size', 'num_attention_heads', 'head_dim', 'num_hidden_layers'].map((key) => grouped[key] as number);
      return {
        architectures: ['Gemma3ForCausalLM'],
        model_type: 'gemma3_text',
        ...grouped,
        hidden_activation: 'gelu_pytorch_tanh',
        rope_theta: metadata.number('rope.freq_base') ?? 1_000_000,
        rope_local_base_freq: metadata.number('rope.freq_base_swa') ?? 10_000,
        sliding_window: metadata.need('attention.sliding_window'),
        ...patternOf(metadata),
        query_pre_attn_scalar: layers === LARGEST_LAYERS ? width! / heads! : inner,
      };
    },
  });

/** Every so many layers one of Gemma 3 sees all tokens, where a file does not tell. */
const USUAL_PATTERN = 6;
const PATTERN_KEY = 'attention.sliding_window_pattern';

/** Which layers see a window. */
function patternOf(metadata: Metadata): Config {
  const told = metadata.value(PATTERN_KEY);
  if (Array.isArray(told)) return { layer_types: told.map((slides) => (slides ? 'sliding_attention' : 'full_attention')) };
  return typeof told === 'number' ? { sliding_window_pattern: told } : {};
}

function phi3Facts(blueprint: Blueprint, settings: Phi3Settings): GgufFacts {
  const facts = groupedFacts(blueprint, 'phi3', settings);
  expectFullHeads(blueprint, facts.whole['attention.head_count']!);
  const window = settings.window === undefined ? {} : { 'attention.sliding_window': settings.window };
  return { ...facts, whole: { ...facts.whole, ...window } };
}

function olmo2Facts(blueprint: Blueprint, settings: Olmo2Settings): GgufFacts {
  if (settings.biased) throw unsupported('attention with biases', 'attention without biases');
  if (settings.tied) throw unsupported('an output layer that is the embedding', 'an output layer of its own');
  const facts = groupedFacts(blueprint, 'olmo2', settings);
  expectFullHeads(blueprint, facts.whole['attention.head_count']!);
  return facts;
}

function gemma3Facts(blueprint: Blueprint, settings: Gemma3Settings): GgufFacts {
  const { scale, sliding, inner, width, nearTheta, layers } = settings;
  if (settings.biased) throw unsupported('attention with biases', 'attention without biases');
  const facts = groupedFacts(blueprint, 'gemma3', settings);
  const over = layers === LARGEST_LAYERS ? width / facts.whole['attention.head_count']! : inner;
  if (Math.abs(scale * Math.sqrt(over) - 1) > 1e-6)
    throw unsupported(
      `scores scaled by ${Number(scale.toPrecision(4))} (query_pre_attn_scalar ${Math.round(scale ** -2)})`,
      `llama.cpp's scale for it, of query_pre_attn_scalar ${over}`,
    );
  const [window] = sliding.filter((each) => each !== undefined);
  const first = sliding.indexOf(undefined);
  const pattern = first < 0 ? (layers < USUAL_PATTERN ? USUAL_PATTERN : layers + 1) : first + 1;
  if (window === undefined || sliding.some((each, at) => (each === undefined) !== ((at + 1) % pattern === 0)))
    throw unsupported('layers that see a window, and others that see all, in no even order', 'every so many layers one that sees all');
  return {
    ...facts,
    whole: { ...facts.whole, 'attention.sliding_window': window, ...(pattern === USUAL_PATTERN ? {} : { [PATTERN_KEY]: pattern }) },
    floats: { ...facts.floats, 'rope.freq_base_swa': nearTheta },
  };
}
