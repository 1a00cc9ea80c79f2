import { readFileSync } from 'node:fs';
import { Tokenizer } from '../src/tokenizer.js';

type Json = Readonly<Record<string, unknown>>;

interface Encoded {
  readonly texts: readonly string[];
  readonly ids: readonly (readonly number[])[];
}

/** Texts and their ids by the Python package `tokenizers`. */
export interface Reference {
  readonly tokenizer: Json & { readonly model: Json };
  readonly texts: readonly string[];
  /** Make-ups of the small byte-level vocabulary: GPT-2's, SmolLM's, Llama 3's, Qwen's. */
  readonly kinds: readonly {
    readonly name: string;
    readonly normalizer: Json | null;
    readonly pre_tokenizer: Json;
    readonly ignore_merges: boolean;
    readonly ids: Encoded['ids'];
  }[];
  readonly sentencePiece: Encoded & { readonly tokenizer: Json; readonly idsWithSpecials: Encoded['ids']; readonly decoded: readonly string[] };
}

export const reference = golden<Reference>('tokenizers');
export const smollm2 = golden<Encoded & { readonly tokenizer: Json }>('smollm2');

function golden<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`./${name}.golden.json`, import.meta.url), 'utf8')) as T;
}

/** A tokenizer of files that stand here as text or as the value of their JSON. */
export function openTokenizer(files: Readonly<Record<string, unknown>>): Promise<Tokenizer> {
  const bytes = (content: unknown) => new TextEncoder().encode(typeof content === 'string' ? content : JSON.stringify(content));
  return Tokenizer.open({
    source: 'model',
    companions: new Map(Object.entries(files).map(([name, content]) => [name, () => Promise.resolve(bytes(content))])),
  });
}

/** One make-up of the small byte-level vocabulary; `<|endoftext|>` 0 is BOS and EOS, `<|im_start|>` 1, `<|im_end|>` 2. */
export function openKind(name: string, files: Readonly<Record<string, unknown>> = {}): Promise<Tokenizer> {
  const { normalizer, pre_tokenizer, ignore_merges } = reference.kinds.find((kind) => kind.name === name)!;
  const tokenizer = { ...reference.tokenizer, normalizer, pre_tokenizer, model: { ...reference.tokenizer.model, ignore_merges } };
  return openTokenizer({ 'tokenizer.json': tokenizer, 'tokenizer_config.json': { bos_token: '<|endoftext|>', eos_token: '<|endoftext|>' }, ...files });
}

/** The turns as ChatML writes them, by hand. */
export const CHATML =
  "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";
