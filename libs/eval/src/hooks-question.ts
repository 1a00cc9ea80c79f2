import type { Hooks, TaskDocument } from './hooks.js';
import { strip } from './python-text.js';

const LETTERS = ['A', 'B', 'C', 'D'];

const lettered = (options: readonly unknown[]): string => options.map((option, at) => `${LETTERS[at]}. ${String(option)}\n`).join('');

/** Probability of the true answers among all (Lin et al. 2022, MC2). */
function truthfulness(document: TaskDocument, results: readonly (readonly [number, boolean])[]): Record<string, number> {
  const { labels } = document['mc2_targets'] as { labels: number[] };
  const shares = results.map(([logLikelihood]) => Math.exp(logLikelihood));
  const total = shares.reduce((sum, share) => sum + share, 0);
  return { acc: shares.reduce((sum, share, at) => (labels[at] === 1 ? sum + share : sum), 0) / total };
}

/** F1 of one class of [prediction, gold] pairs; 0 where nothing was or should have been predicted, as scikit-learn has it. */
function f1Of(label: number, pairs: readonly (readonly [number, number])[]): number {
  const both = pairs.filter(([a, b]) => a === label && b === label).length;
  const either = pairs.filter(([a]) => a === label).length + pairs.filter(([, b]) => b === label).length;
  return either === 0 ? 0 : (2 * both) / either;
}

/** Functions of tasks that ask a question. */
export const QUESTION_HOOKS: Hooks = {
  'logiqa/utils_logiqa.doc_to_text': ({ context, question, options }: TaskDocument) =>
    `Passage: ${context}\nQuestion: ${question}\nChoices:\n${lettered((options as string[]).slice(0, 4))}Answer:`,
  'logiqa/utils_logiqa.doc_to_target': ({ label }: TaskDocument) => ['a', 'b', 'c', 'd'].indexOf(strip(String(label))),
  'mathqa/utils.doc_to_choice': ({ options }: TaskDocument) =>
    [...String(options).matchAll(/[abcd] \) [^\n]*?, |e \) [^\n]*?$/g)].map(([choice]) => choice.slice(4).replace(/[ ,]+$/, '')),
  'medmcqa/utils_medmcqa.doc_to_text': ({ question, opa, opb, opc, opd }: TaskDocument) =>
    `Question: ${question}\nChoices:\n${lettered([opa, opb, opc, opd])}Answer:`,
  'medqa/preprocess_medqa.doc_to_text': ({ sent1, ending0, ending1, ending2, ending3 }: TaskDocument) =>
    `Question: ${sent1}\n${lettered([ending0, ending1, ending2, ending3])}Answer:`,
  'medqa/preprocess_medqa.doc_to_target': ({ label }: TaskDocument) => label,
  'pubmedqa/preprocess_pubmedqa.doc_to_text': ({ CONTEXTS, QUESTION }: TaskDocument) =>
    `Abstract: ${(CONTEXTS as string[]).join('\n')}\nQuestion: ${QUESTION}\nAnswer:`,
  'truthfulqa/utils.process_results_mc2': truthfulness,
  'cb/aggregate.cb_multi_fi': (pairs: readonly (readonly [number, number])[]) => [0, 1, 2].reduce((sum, label) => sum + f1Of(label, pairs), 0) / 3,
};
