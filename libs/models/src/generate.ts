import { checkTokenIds, type Model, Random, throwIfAborted, UsageError } from '@chop/core';
import { decoder } from '@chop/kernels';

/** How the next token is chosen, and when to stop. */
export interface GenerateOptions {
  /** Tokens after the prompt, at most. */
  readonly maxTokens: number;
  /** 0 = the likeliest token, always. */
  readonly temperature?: number;
  /** Only the `topK` likeliest tokens. */
  readonly topK?: number;
  /** Only the likeliest tokens that together have this probability. */
  readonly topP?: number;
  readonly seed?: number;
  /** Token ids that end the text; they are not yielded. */
  readonly stopIds?: readonly number[];
  readonly signal?: AbortSignal;
}

/**
 * Continues a prompt token by token with a cache of keys and values. Yields each new id as soon as it is known.
 *
 * @throws {@link UsageError} `PROMPT_EMPTY`, `CONTEXT_LENGTH` when the prompt does not fit the model's context.
 * @throws {@link DataError} `TOKEN_ID` for an id of the prompt that the model has no embedding for.
 */
export async function* generate(model: Model, prompt: readonly number[], options: GenerateOptions): AsyncGenerator<number> {
  const context = Number(model.config['max_position_embeddings'] ?? Infinity);
  if (prompt.length === 0) throw new UsageError('PROMPT_EMPTY', { found: 'an empty prompt', expected: 'at least one token', remedy: 'Give some text.' });
  if (prompt.length >= context)
    throw new UsageError('CONTEXT_LENGTH', {
      found: `a prompt of ${prompt.length} tokens`,
      expected: `fewer than the context of ${context}`,
      remedy: 'Shorten the prompt.',
    });
  checkTokenIds(model, prompt);
  const random = Random.of(options.seed ?? 0, 'generate');
  const reader = decoder(model);
  try {
    let fresh: readonly number[] = prompt;
    for (let count = 0; count < options.maxTokens && prompt.length + count < context; count++) {
      throwIfAborted(options.signal);
      const last = reader.read(fresh);
      const logits = (await last.data()) as Float32Array;
      last.dispose();
      const id = pick(logits, options, random);
      if (options.stopIds?.includes(id)) return;
      yield id;
      fresh = [id];
    }
  } finally {
    reader.dispose();
  }
}

/** Draws a token id from logits `[vocab]`. */
function pick(logits: Float32Array, { temperature = 0, topK, topP }: GenerateOptions, random: Random): number {
  if (temperature <= 0) return likeliest(logits);
  const order = Array.from(logits, (_, id) => id).sort((a, b) => logits[b]! - logits[a]! || a - b);
  const candidates = order.slice(0, topK ?? order.length);
  const highest = logits[candidates[0]!]!;
  const weights = candidates.map((id) => Math.exp((logits[id]! - highest) / temperature));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let mass = 0;
  const nucleus = topP === undefined ? weights.length : weights.findIndex((weight) => (mass += weight / total) >= topP) + 1 || weights.length;
  const kept = weights.slice(0, nucleus);
  let rest = random.next() * kept.reduce((sum, weight) => sum + weight, 0);
  const drawn = kept.findIndex((weight) => (rest -= weight) < 0);
  return candidates[drawn < 0 ? kept.length - 1 : drawn]!;
}

/** The first of the highest. (A loop: it runs over the whole vocabulary for every token.) */
function likeliest(logits: Float32Array): number {
  let best = 0;
  for (let id = 1; id < logits.length; id++) if (logits[id]! > logits[best]!) best = id;
  return best;
}
