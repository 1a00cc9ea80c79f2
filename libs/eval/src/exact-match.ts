import { pythonPattern } from './template-methods.js';

const PUNCTUATION = /[!-/:-@[-`{-~]/g;

/** How texts are compared, as the metric of Hugging Face's `evaluate` has it. */
export interface ExactMatchOptions {
  readonly [option: string]: unknown;
}

/** Whether two texts are the same, once what is to be ignored is left away. */
export function exactMatch(answer: string, reference: string, options: ExactMatchOptions): boolean {
  const [a, b] = [answer, reference].map((text) => {
    let rest = text;
    for (const pattern of (options['regexes_to_ignore'] as string[] | undefined) ?? []) rest = rest.replace(pythonPattern(pattern, 'g'), '');
    if (options['ignore_case'] === true) rest = rest.toLowerCase();
    if (options['ignore_punctuation'] === true) rest = rest.replace(PUNCTUATION, '');
    return options['ignore_numbers'] === true ? rest.replace(/[0-9]/g, '') : rest;
  });
  return a === b;
}
