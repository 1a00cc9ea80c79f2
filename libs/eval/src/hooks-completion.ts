import type { Hooks, TaskDocument } from './hooks.js';
import { capitalize, strip } from './python-text.js';

const text = (document: TaskDocument, field: string): string => {
  const value = document[field];
  if (typeof value !== 'string') throw new Error(`the field ${field} holds ${value === undefined ? 'nothing' : JSON.stringify(value)}, not a text`);
  return value;
};

/** HellaSwag's texts come from WikiHow with headings and notes in square brackets (Zellers et al. 2019). */
function hellaswagText(raw: string): string {
  return strip(raw)
    .replaceAll(' [title]', '. ')
    .replaceAll(/\[[^\n]*?\]/g, '')
    .replaceAll('  ', ' ');
}

function hellaswag(document: TaskDocument): TaskDocument {
  // Rows that have gone through this already: their labels are called gold.
  if (document['ctx_a'] === undefined && Array.isArray(document['choices'])) return { label: String(document['gold']), ...document };
  const context = `${text(document, 'ctx_a')} ${capitalize(text(document, 'ctx_b'))}`;
  return {
    ...document,
    query: hellaswagText(`${text(document, 'activity_label')}: ${context}`),
    choices: (document['endings'] as string[]).map(hellaswagText),
    gold: Number(document['label']),
  };
}

/** WinoGrande by partial evaluation (Trinh and Le 2018): what follows the gap, after the sentence with either name in it. */
const gapOf = (document: TaskDocument): number => {
  const at = text(document, 'sentence').indexOf('_');
  if (at < 0) throw new Error('the sentence has no gap _');
  return at;
};

const CONNECTOR: Readonly<Record<string, string>> = { cause: 'because', effect: 'therefore' };

const copaChoice = (document: TaskDocument, field: string): string => ` ${text(document, field)[0]!.toLowerCase()}${text(document, field).slice(1)}`;

/** Functions of tasks where a beginning is completed. */
export const COMPLETION_HOOKS: Hooks = {
  'hellaswag/utils.process_docs': (documents: readonly TaskDocument[]) => documents.map(hellaswag),
  'winogrande/preprocess_winogrande.doc_to_text': (document: TaskDocument) => ['1', '2'].indexOf(String(document['answer'])),
  'winogrande/preprocess_winogrande.doc_to_target': (document: TaskDocument) => strip(text(document, 'sentence').slice(gapOf(document) + 1)),
  'winogrande/preprocess_winogrande.doc_to_choice': (document: TaskDocument) =>
    ['option1', 'option2'].map((option) => text(document, 'sentence').slice(0, gapOf(document)) + text(document, option)),
  'copa/utils.doc_to_text': (document: TaskDocument) => `${strip(text(document, 'premise')).slice(0, -1)} ${CONNECTOR[text(document, 'question')]}`,
  'copa/utils.doc_to_target': (document: TaskDocument) => copaChoice(document, document['label'] === 0 ? 'choice1' : 'choice2'),
  'copa/utils.doc_to_choice': (document: TaskDocument) => [copaChoice(document, 'choice1'), copaChoice(document, 'choice2')],
};
