import type { HubData } from '@chop/data';
import { FewShotSampler } from './few-shot.js';
import { type Hooks, hookNamed, type TaskDocument } from './hooks.js';
import { type Answered, goldOf } from './metrics.js';
import { DocumentReader, ownersOf } from './task-document.js';
import { type PlacedDocument, TaskData, type TaskFiles, telling } from './task-data.js';
import type { TaskDefinition } from './task-file.js';
import { FunctionTag } from './task-schema.js';

/** What the model is asked: how likely a text is after another, how likely a whole text is, or how it goes on. */
export type TaskRequest =
  | {
      readonly kind: 'score';
      readonly context: string;
      readonly continuation: string;
      /** Without the context: what is asked for mutual information. */ readonly alone?: true;
    }
  | { readonly kind: 'rolling'; readonly text: string }
  | { readonly kind: 'generate'; readonly context: string; readonly until: readonly string[]; readonly maxTokens: number; readonly temperature: number };

/** One document of a task with what the model is asked about it. */
export interface Example extends Answered {
  readonly id: number;
  readonly place: PlacedDocument['place'];
  readonly requests: readonly TaskRequest[];
}

/** How a task's examples are made. */
export interface TaskOptions {
  readonly files?: TaskFiles;
  /** The first so many documents. */
  readonly limit?: number;
  /** Examples before each document; a task that says 0 itself keeps it. */
  readonly numFewshot?: number;
  /** Ask what the choices score without a context. */
  readonly mutualInformation?: boolean;
  readonly hooks: Hooks;
  /** Brings data sets that tasks name. */
  readonly hub?: HubData;
}

/** Tokens of an answer where the task does not tell, as in lm-eval. */
const ANSWER_TOKENS = 256;

/**
 * Reads a task's documents and makes its requests, as lm-eval 0.4.9 does.
 * @throws what {@link TaskData} and {@link DocumentReader} throw, with the file, line and number of the example.
 */
export async function examplesOf(definition: TaskDefinition, options: TaskOptions): Promise<Example[]> {
  const { config } = definition;
  const { limit, numFewshot, hooks } = options;
  const data = new TaskData(definition, options);
  const documents = (await data.documents(data.evaluated)).slice(0, limit);
  const fields = new Set(documents.flatMap(({ document }) => Object.keys(document)));
  const reader = new DocumentReader(definition, hooks, fields);
  const count = config.num_fewshot === 0 ? 0 : (numFewshot ?? config.num_fewshot ?? 0);
  const sampler = count > 0 ? await samplerOf(definition, data, hooks) : undefined;
  const maker = new ExampleMaker(definition, reader, documents[0]!, options.mutualInformation === true);
  return documents.map(({ document, place }, id) =>
    telling({ task: config.task, id, place }, () => maker.example(document, { id, place, before: sampler?.context(document, count) ?? '' })),
  );
}

async function samplerOf(definition: TaskDefinition, data: TaskData, hooks: Hooks): Promise<FewShotSampler> {
  const { config } = definition;
  const { samples, doc_to_text: text, doc_to_target: target, doc_to_choice: choices } = config.fewshot_config ?? {};
  let documents: readonly TaskDocument[];
  if (samples !== undefined && !config.fewshot_split)
    documents = samples instanceof FunctionTag ? hookNamed<() => TaskDocument[]>(hooks, samples, ownersOf(definition))() : samples;
  else documents = (await data.documents(data.fewShot)).map(({ document }) => document);
  const changes = {
    ...(text === undefined ? {} : { doc_to_text: text }),
    ...(target === undefined ? {} : { doc_to_target: target }),
    ...(choices === undefined ? {} : { doc_to_choice: choices }),
  };
  const fields = new Set(documents.flatMap((document) => Object.keys(document)));
  return new FewShotSampler(config, documents, new DocumentReader(definition, hooks, fields, changes));
}

class ExampleMaker {
  readonly #definition: TaskDefinition;
  readonly #reader: DocumentReader;
  /** The text is the place of a choice: each choice stands in the context, and the target follows all of them. */
  readonly #choicesFirst: boolean;
  readonly #mutualInformation: boolean;

  constructor(definition: TaskDefinition, reader: DocumentReader, { document, place }: PlacedDocument, mutualInformation: boolean) {
    this.#definition = definition;
    this.#reader = reader;
    this.#mutualInformation = mutualInformation;
    const first = telling({ task: definition.config.task, id: 0, place }, () => reader.text(document));
    this.#choicesFirst = reader.choices !== undefined && typeof first === 'number';
  }

  example(document: TaskDocument, { id, place, before }: { id: number; place: PlacedDocument['place']; before: string }): Example {
    const { config } = this.#definition;
    const target = this.#reader.target(document);
    const choices = this.#reader.choices?.(document);
    const text = this.#reader.text(document);
    const known = { document, id, place, target, choices };
    const context = this.#context(document, before, text, choices);
    switch (config.output_type) {
      case 'multiple_choice': {
        const gold = goldOf(this.#choicesFirst ? (text as number) : target, choices ?? []);
        return { ...known, gold, requests: this.#choiceRequests(context, choices!, String(target)) };
      }
      case 'loglikelihood':
        return { ...known, gold: [], requests: [{ kind: 'score', context, continuation: String(target) }] };
      case 'loglikelihood_rolling':
        return { ...known, gold: [], requests: [{ kind: 'rolling', text: String(target) }] };
      case 'generate_until':
        return { ...known, gold: [], requests: [{ kind: 'generate', context, ...this.#generation() }] };
    }
  }

  #context(document: TaskDocument, before: string, text: unknown, choices: readonly string[] | undefined): string {
    const { target_delimiter: delimiter } = this.#definition.config;
    const prefix = this.#reader.prefix?.(document);
    const start = this.#reader.description(document) + before;
    if (this.#choicesFirst) return start;
    return start + (typeof text === 'number' && choices ? choices[text]! : String(text)) + (prefix === undefined ? '' : (delimiter ?? ' ') + prefix);
  }

  #choiceRequests(context: string, choices: readonly string[], target: string): TaskRequest[] {
    const delimiter = this.#definition.config.target_delimiter ?? ' ';
    const asked = choices.map((choice): TaskRequest =>
      this.#choicesFirst
        ? { kind: 'score', context: context + choice, continuation: delimiter + target }
        : { kind: 'score', context, continuation: delimiter + choice },
    );
    const alone = this.#mutualInformation
      ? choices.map((choice): TaskRequest => ({ kind: 'score', context: '', continuation: delimiter + choice, alone: true }))
      : [];
    return [...asked, ...alone];
  }

  #generation(): { until: readonly string[]; maxTokens: number; temperature: number } {
    const { generation_kwargs: given, fewshot_delimiter: between } = this.#definition.config;
    return {
      until: given?.until ?? [between ?? '\n\n'],
      maxTokens: given?.max_gen_toks ?? ANSWER_TOKENS,
      temperature: given?.do_sample === true ? (given.temperature ?? 1) : 0,
    };
  }
}
