import type { Hooks, TaskDocument } from './hooks.js';
import { literalEval } from './python-literal.js';
import { codePoints, splitAtSpace, words } from './python-text.js';

interface RaceProblem {
  readonly question: string;
  readonly options: readonly string[];
  readonly answer: string;
}

const problemsOf = ({ problems }: TaskDocument): RaceProblem[] => literalEval(String(problems)) as RaceProblem[];
const lastOf = (document: TaskDocument): RaceProblem => problemsOf(document).at(-1)!;
const answerOf = ({ answer }: RaceProblem): number => ['A', 'B', 'C', 'D'].indexOf(answer);

/** RACE (Lai et al. 2017): the questions before the last stand in the prompt with their answers. */
function raceText(document: TaskDocument): string {
  const answered = problemsOf(document)
    .slice(0, -1)
    .map((problem) => {
      const option = problem.options[answerOf(problem)]!;
      return problem.question.endsWith('  _  .') ? `${problem.question.slice(-5)}${option}\n` : `Question: ${problem.question}\nAnswer: ${option}\n`;
    });
  return `Article: ${String(document['article'])}\n\n${answered.join('')}${lastOf(document).question}`;
}

/** WikiText's tokens put together as they are read. lm-eval does it to C4 too. */
export function detokenized(page: string): string {
  return page
    .replaceAll("s '", "s'")
    .replaceAll(/\/' [0-9]\//g, "/'[0-9]/")
    .replaceAll(' @-@ ', '-')
    .replaceAll(' @,@ ', ',')
    .replaceAll(' @.@ ', '.')
    .replaceAll(' : ', ': ')
    .replaceAll(' ; ', '; ')
    .replaceAll(' . ', '. ')
    .replaceAll(' ! ', '! ')
    .replaceAll(' ? ', '? ')
    .replaceAll(' , ', ', ')
    .replaceAll(/\(\s*([^)]*?)\s*\)/g, '($1)')
    .replaceAll(/\[\s*([^\]]*?)\s*\]/g, '[$1]')
    .replaceAll(/\{\s*([^}]*?)\s*\}/g, '{$1}')
    .replaceAll(/"\s*([^"]*?)\s*"/g, '"$1"')
    .replaceAll(/'\s*([^']*?)\s*'/g, "'$1'")
    .replaceAll('= = = =', '====')
    .replaceAll('= = =', '===')
    .replaceAll('= =', '==')
    .replaceAll(' ° ', '°')
    .replaceAll(' \n', '\n')
    .replaceAll('\n ', '\n')
    .replaceAll(' N ', ' 1 ')
    .replaceAll(" 's", "'s");
}

/** Words and bytes are those of the text before it was put together (lm-eval, `preprocess_wikitext`). */
function rolling(page: string, [logLikelihood]: readonly [number]): Record<string, readonly [number, number]> {
  const [wordCount, byteCount] = [splitAtSpace(page).length, Buffer.byteLength(page)];
  return { word_perplexity: [logLikelihood, wordCount], byte_perplexity: [logLikelihood, byteCount], bits_per_byte: [logLikelihood, byteCount] };
}

/** The Winograd schema with its pronoun marked; spans are counted in words. */
function wscText({ text, span1_text: noun, span2_text: pronoun, span2_index: at }: TaskDocument): string {
  const raw = String(text);
  const before = words(raw).slice(0, Number(at)).join(' ');
  const after = [...raw].slice(codePoints(before) + codePoints(String(pronoun)) + 1).join('');
  const passage = joined(`${before} *${pronoun}*${after}`);
  return `Passage: ${passage}\nQuestion: In the passage above, does the pronoun "*${pronoun}*" refer to "*${noun}*"?\nAnswer:`;
}

/** lm-eval's `general_detokenize`. */
function joined(text: string): string {
  return text
    .replaceAll(" n't", "n't")
    .replaceAll(' )', ')')
    .replaceAll('( ', '(')
    .replaceAll('" ', '"')
    .replaceAll(' "', '"')
    .replaceAll(/ (['.,])/g, '$1');
}

/** Functions of tasks with a text to read. */
export const PASSAGE_HOOKS: Hooks = {
  'race/preprocess_race.doc_to_text': raceText,
  'race/preprocess_race.doc_to_target': (document: TaskDocument) => answerOf(lastOf(document)),
  'race/preprocess_race.doc_to_choice': (document: TaskDocument) => lastOf(document).options.slice(0, 4),
  'wsc/preprocess_wsc.default_doc_to_text': wscText,
  'wikitext/preprocess_wikitext.wikitext_detokenizer': ({ page }: TaskDocument) => detokenized(String(page)),
  'wikitext/preprocess_wikitext.process_results': ({ page }: TaskDocument, results: readonly [number]) => rolling(String(page), results),
  'c4/preprocess_c4.c4_detokenizer': ({ text }: TaskDocument) => detokenized(String(text)),
  'c4/preprocess_c4.process_results': ({ text }: TaskDocument, results: readonly [number]) => rolling(String(text), results),
};
