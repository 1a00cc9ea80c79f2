/** llama.h, `enum llama_token_type`. */
export const KIND = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

/** What SentencePiece writes for a space. */
const SPACE = '▁';

type Json = Readonly<Record<string, unknown>>;
export type Merge = readonly [left: string, right: string];

/** How a vocabulary of the SentencePiece kind cuts text: the parts of a `tokenizer.json`, as transformers converts them. */
export interface Cutting {
  readonly normalizer: Json | null;
  readonly pre_tokenizer: Json | null;
  readonly decoder: Json;
  readonly model: Json;
}

/**
 * SentencePiece's BPE with its scores as merges: the neighbours whose union has the highest score are joined first, as llama.cpp and SentencePiece do it.
 *
 * @param scores - one for each token.
 * @param prefixed - a space is put before the text (`add_space_prefix`).
 */
export function sentencePieceCutting(
  tokens: readonly string[],
  scores: readonly number[],
  { prefixed, unknown }: { readonly prefixed: boolean; readonly unknown: string | undefined },
): Cutting {
  const replace = { type: 'Replace', pattern: { String: ' ' }, content: SPACE };
  return {
    normalizer: prefixed ? { type: 'Sequence', normalizers: [{ type: 'Prepend', prepend: SPACE }, replace] } : replace,
    pre_tokenizer: null,
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: SPACE }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        ...(prefixed ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
      ],
    },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: unknown ?? null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: true,
      byte_fallback: true,
      ignore_merges: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: mergesOf(tokens, scores),
    },
  };
}

/** Every way to join two tokens into a third, the highest score first; of one token those first that begin with the lowest numbers. */
function mergesOf(tokens: readonly string[], scores: readonly number[]): Merge[] {
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const ranked = tokens.map((_, id) => id).sort((a, b) => scores[b]! - scores[a]! || a - b);
  return ranked.flatMap((id) => {
    const characters = [...tokens[id]!];
    const ways: Merge[] = [];
    for (let at = 1; at < characters.length; at++) {
      const way: Merge = [characters.slice(0, at).join(''), characters.slice(at).join('')];
      if (way.every((part) => ids.has(part))) ways.push(way);
    }
    return ways.sort((a, b) => ids.get(a[0])! - ids.get(b[0])! || ids.get(a[1])! - ids.get(b[1])!);
  });
}

/** Whether a `tokenizer.json` is of the SentencePiece kind; and whether it puts a space before the text. */
export function sentencePiecePrefix({
  normalizer,
  pre_tokenizer: pre,
  model,
}: {
  normalizer?: unknown;
  pre_tokenizer?: unknown;
  model: { byte_fallback?: boolean };
}): boolean | undefined {
  if (model.byte_fallback !== true) return undefined;
  const steps = [normalizer, pre].flatMap((step) => stepsOf(step as Json | null));
  return steps.some(
    (step) => step['type'] === 'Prepend' || (step['type'] === 'Metaspace' && step['prepend_scheme'] !== 'never' && step['add_prefix_space'] !== false),
  );
}

function stepsOf(step: Json | null | undefined): Json[] {
  if (!step) return [];
  return step['type'] === 'Sequence' ? ((step['normalizers'] ?? step['pretokenizers']) as Json[]) : [step];
}

/** Scores from merges: a token that is made by an earlier one scores higher, one that none makes lowest. */
export function scoresOf(tokens: readonly string[], merges: readonly Merge[]): number[] {
  const rank = new Map<string, number>();
  for (const [left, right] of merges) if (!rank.has(left + right)) rank.set(left + right, rank.size);
  return tokens.map((token) => -(rank.get(token) ?? rank.size));
}

/** The kind of a token that no list of added tokens names. */
export function kindOfPiece(token: string, unknown: string | undefined): number {
  if (token === unknown) return KIND.unknown;
  return /^<0x[0-9A-F]{2}>$/.test(token) ? KIND.byte : KIND.normal;
}
