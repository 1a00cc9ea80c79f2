import { DataError } from '@chop/core';
import { type Hook, hookNamed, type Hooks, type TaskDocument } from './hooks.js';
import { literalEval } from './python-literal.js';
import { isDigits } from './python-text.js';
import { FunctionTag, type TaskConfig } from './task-schema.js';
import type { TaskDefinition } from './task-file.js';
import { Template } from './template.js';

/** How one part of an example is made of its document. */
type Part<T> = (document: TaskDocument) => T;

/** What a document's text is: a text, or (as in WinoGrande) which of the choices stands in it. */
export type PromptText = string | number | readonly string[];
/** What a document's answer is: the place of the right choice, a text, or several that are right. */
export type Target = string | number | readonly (string | number)[];

/** The parts of a prompt: lm-eval's `doc_to_text`, `doc_to_target`, `doc_to_choice`, `gen_prefix` and `description`. */
export class DocumentReader {
  readonly text: Part<PromptText>;
  readonly target: Part<Target>;
  readonly choices: Part<readonly string[]> | undefined;
  readonly prefix: Part<string> | undefined;
  readonly description: Part<string>;

  /**
   * @param fields - fields of the documents: a part named like one is that field.
   * @param changes - parts that are made otherwise: those of few-shot examples.
   */
  constructor(
    definition: TaskDefinition,
    hooks: Hooks,
    fields: ReadonlySet<string>,
    changes: Pick<Partial<TaskConfig>, 'doc_to_text' | 'doc_to_target' | 'doc_to_choice'> = {},
  ) {
    const config = { ...definition.config, ...changes };
    const owners = ownersOf(definition);
    const maker = new PartMaker(fields, (tag) => hookNamed(hooks, tag, owners));
    const hasChoices = config.doc_to_choice !== undefined && config.doc_to_choice !== null;
    this.text = maker.part(config.doc_to_text ?? '', (text) => (hasChoices && isDigits(text) ? Number(text) : text)) as Part<PromptText>;
    this.target = maker.part(config.doc_to_target ?? '', (text) => (hasChoices && isDigits(text) ? Number(text) : listed(text))) as Part<Target>;
    this.choices = hasChoices ? choicesOf(maker, config.doc_to_choice) : undefined;
    this.prefix = typeof config.gen_prefix === 'string' ? (maker.part(config.gen_prefix, (text) => text) as Part<string>) : undefined;
    const { description } = config;
    const template = description ? new Template(description) : undefined;
    this.description = (document) => template?.render(document) ?? '';
  }
}

/** Who may own the functions that a task names. */
export function ownersOf({ config, folders }: TaskDefinition): string[] {
  return [
    ...folders,
    config.task,
    ...(config.dataset_path ? [config.dataset_path.split('/').at(-1)!] : []),
    ...(config.dataset_name ? [config.dataset_name] : []),
  ];
}

class PartMaker {
  readonly #fields: ReadonlySet<string>;
  readonly #hook: (tag: FunctionTag) => Hook;

  constructor(fields: ReadonlySet<string>, hook: (tag: FunctionTag) => Hook) {
    this.#fields = fields;
    this.#hook = hook;
  }

  /** @param read - what a rendered template stands for. */
  part(given: unknown, read: (text: string) => unknown): Part<unknown> {
    if (given instanceof FunctionTag) return this.#hook(given) as Part<unknown>;
    if (typeof given !== 'string') return () => given;
    if (this.#fields.has(given)) return (document) => fieldOf(document, given);
    const template = new Template(given);
    return (document) => read(template.render(document));
  }
}

function fieldOf(document: TaskDocument, name: string): unknown {
  const value = document[name];
  if (value !== undefined && value !== null) return typeof value === 'boolean' ? Number(value) : value;
  throw new DataError('TASK_FIELD', {
    found: `a document without ${name}: it has ${Object.keys(document).join(', ')}`,
    expected: `the field ${name}`,
    remedy: 'Mend the data, or give the task its own.',
  });
}

/** A text that looks like a Python list is one, where it can be read. */
function listed(text: string): unknown {
  if (text.length < 2 || !text.startsWith('[') || !text.endsWith(']')) return text;
  try {
    return literalEval(text);
  } catch {
    return text;
  }
}

function choicesOf(maker: PartMaker, given: TaskConfig['doc_to_choice']): Part<readonly string[]> {
  const part =
    typeof given === 'object' && given !== null && !Array.isArray(given) && !(given instanceof FunctionTag)
      ? () => Object.values(given)
      : maker.part(given, literalEval);
  return (document) => {
    const choices = part(document);
    if (Array.isArray(choices) && choices.length > 0 && choices.every((choice) => typeof choice === 'string' && choice !== '')) return choices as string[];
    throw new DataError('TASK_CHOICES', {
      found: Array.isArray(choices) && choices.includes('') ? `an empty choice among ${JSON.stringify(choices)}` : `the choices ${JSON.stringify(choices)}`,
      expected: 'a list of texts, none of them empty',
      remedy: 'Mend the data, or doc_to_choice.',
    });
  };
}
