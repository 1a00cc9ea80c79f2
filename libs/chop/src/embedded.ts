import { fileURLToPath } from 'node:url';

/** The folder of the small model that ships with chop. */
export const EMBEDDED_MODEL = fileURLToPath(new URL('../embedded/', import.meta.url));

const TEXT: Readonly<Record<string, string>> = {
  embedded: fileURLToPath(new URL('../embedded/text/train.jsonl.gz', import.meta.url)),
  'embedded:valid': fileURLToPath(new URL('../embedded/text/valid.jsonl.gz', import.meta.url)),
};

/** A word of DATA with `embedded` (text to train on) and `embedded:valid` (text that the model has not seen) replaced by their files. */
export function dataWord(word: string): string {
  const [, name, rest] = /^(embedded(?::valid)?)((?:[#=].*)?)$/.exec(word) ?? [];
  return name === undefined ? word : `${TEXT[name]}${rest}`;
}
