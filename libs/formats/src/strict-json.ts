import { CheckpointError } from '@chop/core';

/** Tells one JSON string, or one structural mark outside of strings, at a time. */
const JSON_MARKS = /"(?:[^"\\]+|\\.)*"|[{}[\],:]/gs;

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
  const twice = duplicateKey(text);
  if (twice === undefined) return value;
  throw new CheckpointError('CHECKPOINT_JSON', {
    file,
    found: `the key ${twice} twice in its ${what}`,
    expected: 'every key once',
    remedy: 'Ask for the file where it was made: it says two things at once.',
  });
}

/** The first key that an object of valid JSON holds twice. */
function duplicateKey(text: string): string | undefined {
  const open: (Set<string> | undefined)[] = [];
  let last: string | undefined;
  for (const [mark] of text.matchAll(JSON_MARKS)) {
    if (mark === '{') open.push(new Set());
    else if (mark === '[') open.push(undefined);
    else if (mark === '}' || mark === ']') open.pop();
    else if (mark === ':') {
      const keys = open.at(-1);
      const key = JSON.parse(last!) as string;
      if (keys?.has(key)) return JSON.stringify(key);
      keys?.add(key);
    }
    last = mark;
  }
  return undefined;
}

/** True for what JSON calls an object. */
export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
