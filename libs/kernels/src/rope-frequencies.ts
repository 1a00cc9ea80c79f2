/** How rotary frequencies are stretched for long contexts, in Hugging Face's spelling (`rope_scaling`). */
export type RopeScaling =
  | { readonly kind: 'none' }
  | { readonly kind: 'linear'; readonly factor: number }
  | {
      readonly kind: 'llama3';
      readonly factor: number;
      readonly low_freq_factor: number;
      readonly high_freq_factor: number;
      readonly original_max_position_embeddings: number;
    }
  | {
      readonly kind: 'yarn';
      readonly factor: number;
      readonly beta_fast: number;
      readonly beta_slow: number;
      readonly original_max_position_embeddings: number;
      /** The pairs between which it blends are whole ones. */
      readonly truncate: boolean;
      /** What cosines and sines are multiplied by. */
      readonly attention_factor: number;
    }
  | {
      readonly kind: 'longrope';
      /** By how much each pair is slowed in texts of up to `original_max_position_embeddings` tokens, and in longer ones. */
      readonly short_factor: readonly number[];
      readonly long_factor: readonly number[];
      readonly original_max_position_embeddings: number;
      readonly attention_factor: number;
    };

/** Which frequencies. */
export interface FrequencyOptions {
  /** Size of a head before any cut of it, or of its part that is turned: even. */
  readonly inner: number;
  readonly theta: number;
  readonly scaling?: RopeScaling;
  /** Tokens of the whole text, which `longrope` asks for. Default 1. */
  readonly length?: number;
}

/**
 * Angles per position of each rotary pair: `theta^(−2i / inner)`, scaled (Su et al. 2021, arXiv 2104.09864; YaRN: Peng et al. 2023, arXiv 2309.00071;
 * LongRoPE: Ding et al. 2024, arXiv 2402.13753; all as transformers' `modeling_rope_utils` defines them).
 */
export function ropeFrequencies({ inner, theta, scaling = { kind: 'none' }, length = 1 }: FrequencyOptions): number[] {
  const plain = Array.from({ length: inner / 2 }, (_, pair) => theta ** ((-2 * pair) / inner));
  if (scaling.kind === 'none') return plain;
  if (scaling.kind === 'linear') return plain.map((frequency) => frequency / scaling.factor);
  if (scaling.kind === 'llama3') return plain.map((frequency) => llama3(frequency, scaling));
  if (scaling.kind === 'yarn') return yarn(plain, inner, theta, scaling);
  const factors = length > scaling.original_max_position_embeddings ? scaling.long_factor : scaling.short_factor;
  return plain.map((frequency, pair) => frequency / factors[pair]!);
}

/** What cosines and sines are multiplied by, so that scores are not flattened by the longer context. */
export function attentionFactor(scaling: RopeScaling): number {
  return 'attention_factor' in scaling ? scaling.attention_factor : 1;
}

type Kind<K extends RopeScaling['kind']> = Extract<RopeScaling, { readonly kind: K }>;

function llama3(
  frequency: number,
  { factor, low_freq_factor: low, high_freq_factor: high, original_max_position_embeddings: context }: Kind<'llama3'>,
): number {
  const turns = (context * frequency) / (2 * Math.PI); // how often the pair goes round within the original context
  if (turns > high) return frequency;
  if (turns < low) return frequency / factor;
  const smooth = (turns - low) / (high - low);
  return (1 - smooth) * (frequency / factor) + smooth * frequency;
}

/** Pairs that go round often keep their frequency, those that hardly turn are slowed by `factor`, between them it blends along their indices. */
function yarn(
  plain: readonly number[],
  inner: number,
  theta: number,
  { factor, beta_fast, beta_slow, original_max_position_embeddings: context, truncate }: Kind<'yarn'>,
): number[] {
  // The pair that goes round so often within the original context.
  const pairOf = (turns: number): number => (inner * Math.log(context / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
  const [first, last] = [pairOf(beta_fast), pairOf(beta_slow)];
  const low = Math.max(0, truncate ? Math.floor(first) : first);
  const high = Math.min(inner - 1, truncate ? Math.ceil(last) : last);
  const width = high === low ? 0.001 : high - low;
  return plain.map((frequency, pair) => {
    const slowed = Math.min(1, Math.max(0, (pair - low) / width));
    return (1 - slowed) * frequency + (slowed * frequency) / factor;
  });
}
