import { CheckpointError } from '@chop/core';

/** Model files nest three or four deep. What walks through their values recurses, and must not run out of stack. */
const MAX_JSON_DEPTH = 64;

/**
 * Parses the JSON of a model file and refuses a key that occurs twice in one object: readers disagree about which of
 * the two counts, so such a file can show one thing to a checker and another to a loader.
 *
 * @param what - what the text is, for the error, such as `header`.
 * @throws {@link CheckpointError} `CHECKPOINT_JSON`
 */
export function parseStrictJson(text: string, file: string, what: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new CheckpointError('CHECKPOINT_JSON', {
      file,
      found: `a ${what} that is not JSON (${(cause as Error).message})`,
      expected: 'JSON',
      remedy: 'Download the file again.',
      cause,
    });
  }
  const wrong = fault(text);
  if (wrong === undefined) return value;
  throw new CheckpointError('CHECKPOINT_JSON', {
    file,
    found: 'twice' in wrong ? `the key ${wrong.twice} twice in its ${what}` : `a ${what} whose values are nested more than ${MAX_JSON_DEPTH} deep`,
    expected: 'twice' in wrong ? 'every key once' : 'fewer',
    remedy: 'Ask for the file where it was made: it is not as such files are.',
  });
}

/** The first key that an object of valid JSON holds twice, or that it nests too deep. Character by character: a header may have 100 MB. */
function fault(text: string): { readonly twice: string } | { readonly deep: true } | undefined {
  const open: (Set<string> | undefined)[] = [];
  let key = '';
  for (let at = 0; at < text.length; at++) {
    const mark = text[at];
    if (mark === '"') {
      const end = stringEnd(text, at);
      key = text.slice(at, end);
      at = end - 1;
    } else if (mark === '{' || mark === '[') {
      open.push(mark === '{' ? new Set() : undefined);
      if (open.length > MAX_JSON_DEPTH) return { deep: true };
    } else if (mark === '}' || mark === ']') open.pop();
    else if (mark === ':') {
      const keys = open.at(-1);
      const name = JSON.parse(key) as string;
      if (keys?.has(name)) return { twice: JSON.stringify(name) };
      keys?.add(name);
    }
  }
  return undefined;
}

/** Behind the closing quote of the string that opens at `from`. */
function stringEnd(text: string, from: number): number {
  let at = from + 1;
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}

/** True for what JSON calls an object. */
export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
