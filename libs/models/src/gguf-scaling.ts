import { type Config, readBytes, toFloat32, UsageError } from '@chop/core';
import { ropeFrequencies } from '@chop/kernels';
import type { GroupedSettings } from './config.js';
import { USUAL_BETAS } from './rope-scaling.js';
import type { GgufFacts } from './gguf-layout.js';
import type { Metadata } from './gguf-names.js';

/** Llama 3's frequencies as a GGUF stores them: the factor by which each rotary pair is slowed. */
export const ROPE_FACTORS = 'rope_freqs.weight';
/** The same of `longrope`, in long texts and in short ones. */
export const LONG_FACTORS = 'rope_factors_long.weight';
export const SHORT_FACTORS = 'rope_factors_short.weight';

/** Keys behind the architecture. */
const KEY = {
  type: 'rope.scaling.type',
  factor: 'rope.scaling.factor',
  context: 'rope.scaling.original_context_length',
  attention: 'rope.scaling.attn_factor',
  fast: 'rope.scaling.yarn_beta_fast',
  slow: 'rope.scaling.yarn_beta_slow',
} as const;

/** What llama.cpp multiplies cosines and sines by of its own, where it does YaRN. */
const yarnFactor = (factor: number): number => 1 + 0.1 * Math.log(factor);

type ScalingFacts = Required<Pick<GgufFacts, 'whole' | 'floats' | 'texts' | 'constants'>>;

/**
 * How frequencies are stretched: a word and its numbers, or the factor of every rotary pair.
 * @throws {@link UsageError} `FORMAT_UNSUPPORTED` where llama.cpp has no words for it.
 */
export function scalingFacts({ scaling, theta, turned }: GroupedSettings, architecture: string): ScalingFacts {
  const none: ScalingFacts = { whole: {}, floats: {}, texts: {}, constants: new Map() };
  const isPhi = architecture === 'phi3';
  if (scaling.kind === 'none') return none;
  if ((scaling.kind === 'longrope') !== isPhi) throw unknown(scaling.kind, architecture, isPhi ? 'none, or longrope' : 'none, linear, llama3 or yarn');
  if (scaling.kind === 'linear') return { ...none, floats: { [KEY.factor]: scaling.factor }, texts: { [KEY.type]: 'linear' } };
  if (scaling.kind === 'llama3') {
    const stretched = ropeFrequencies({ theta, inner: turned, scaling });
    const factors = ropeFrequencies({ theta, inner: turned }).map((frequency, pair) => frequency / stretched[pair]!);
    return { ...none, constants: new Map([[ROPE_FACTORS, Float32Array.from(factors)]]) };
  }
  const whole = { [KEY.context]: scaling.original_max_position_embeddings };
  if (scaling.kind === 'longrope') {
    const constants = [LONG_FACTORS, SHORT_FACTORS].map(
      (name, at) => [name, Float32Array.from(at === 0 ? scaling.long_factor : scaling.short_factor)] as const,
    );
    return { ...none, whole, floats: { [KEY.attention]: scaling.attention_factor }, constants: new Map(constants) };
  }
  // There are keys for them, which llama.cpp 3.22 of node-llama-cpp does not heed.
  if (scaling.beta_fast !== USUAL_BETAS.beta_fast || scaling.beta_slow !== USUAL_BETAS.beta_slow)
    throw unknown(`yarn of beta_fast ${scaling.beta_fast} and beta_slow ${scaling.beta_slow}`, architecture, 'yarn of 32 and 1');
  if (!scaling.truncate) throw unknown('yarn between pairs as they fall', architecture, 'truncate, the default of yarn');
  const floats = {
    [KEY.factor]: scaling.factor,
    [KEY.attention]: scaling.attention_factor / yarnFactor(scaling.factor),
  };
  return { ...none, whole, floats, texts: { [KEY.type]: 'yarn' } };
}

/** The `rope_scaling` of a file, for the config. */
export function scalingIn(metadata: Metadata): Config {
  const kind = metadata.value(KEY.type);
  const factor = metadata.number(KEY.factor);
  if (kind === undefined || kind === 'none' || (kind === 'linear' && factor === undefined)) return {};
  if (kind !== 'yarn' || factor === undefined) return { rope_scaling: { rope_type: kind, factor } };
  const attention = metadata.number(KEY.attention);
  const told = { original_max_position_embeddings: KEY.context, beta_fast: KEY.fast, beta_slow: KEY.slow };
  const numbers = Object.entries(told).flatMap(([name, key]) => (metadata.number(key) === undefined ? [] : [[name, metadata.number(key)] as const]));
  return {
    rope_scaling: {
      rope_type: 'yarn',
      factor,
      ...Object.fromEntries(numbers),
      ...(attention === undefined ? {} : { attention_factor: attention * yarnFactor(factor) }),
    },
  };
}

/** Phi-3's `rope_scaling` of a file that has factors of long and of short texts. */
export async function longropeIn(metadata: Metadata): Promise<Config> {
  const { raw } = metadata;
  if (!raw.tensors.has(LONG_FACTORS)) return {};
  const factors = async (name: string): Promise<number[]> => {
    const stored = raw.tensors.get(name);
    return stored ? Array.from(toFloat32(await readBytes(raw, name), stored.dtype)) : [];
  };
  const [attention, context] = [metadata.number(KEY.attention), metadata.number(KEY.context)];
  return {
    rope_scaling: {
      type: 'longrope',
      short_factor: await factors(SHORT_FACTORS),
      long_factor: await factors(LONG_FACTORS),
      ...(attention === undefined ? {} : { attention_factor: attention }),
    },
    ...(context === undefined ? {} : { original_max_position_embeddings: context }),
  };
}

function unknown(kind: string, architecture: string, expected: string): UsageError {
  return new UsageError('FORMAT_UNSUPPORTED', {
    found: `rotary frequencies that are stretched (${kind})`,
    expected: `what llama.cpp has words for in ${architecture}: ${expected}`,
    remedy: 'Save it as --format hf.',
  });
}
