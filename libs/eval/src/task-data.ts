import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ChopError, DataError, nearest, UsageError } from '@chop/core';
import { type HubData, openRecords } from '@chop/data';
import { type Hooks, hookNamed, type TaskDocument } from './hooks.js';
import { ownersOf } from './task-document.js';
import type { TaskDefinition } from './task-file.js';

/** A document, and where it stands. */
export interface PlacedDocument {
  readonly document: TaskDocument;
  readonly place: { readonly file?: string; readonly line?: number; readonly record?: number };
}

/** Data set builders of Hugging Face's `datasets` that read local files. */
const LOCAL_BUILDERS = ['json', 'parquet', 'csv', 'text', 'arrow'];

/** Files of tasks: `TASK` for all splits, `TASK:SPLIT` for one. */
export type TaskFiles = Readonly<Record<string, string>>;

/** @throws {@link UsageError} `TASK_DATA_UNUSED` when data is given for a task that does not run. */
export function checkTaskFiles(files: TaskFiles, tasks: readonly string[]): void {
  for (const name of Object.keys(files)) {
    const task = name.split(':')[0]!;
    if (tasks.includes(task)) continue;
    throw new UsageError('TASK_DATA_UNUSED', {
      found: `data for the task ${task}`,
      expected: `data for ${tasks.join(', ')}`,
      remedy: `Did you mean ${nearest(task, tasks)}?`,
    });
  }
}

/** The documents of a task, split by split, each read when it is asked for. */
export class TaskData {
  readonly #definition: TaskDefinition;
  readonly #files: TaskFiles;
  readonly #hooks: Hooks;
  readonly #hub: HubData | undefined;
  readonly #splits = new Map<string, Promise<PlacedDocument[]>>();

  /** @param hub - brings the data set that a task names, where no file is given. */
  constructor(definition: TaskDefinition, { files = {}, hooks, hub }: { readonly files?: TaskFiles; readonly hooks: Hooks; readonly hub?: HubData }) {
    this.#definition = definition;
    this.#files = files;
    this.#hooks = hooks;
    this.#hub = hub;
  }

  /** The split whose documents are scored: test, or validation where there is no test. */
  get evaluated(): string {
    const { test_split: test, validation_split: validation, task } = this.#definition.config;
    const split = test ?? validation;
    if (split) return split;
    throw new UsageError('TASK_SPLIT', {
      file: this.#definition.file,
      found: `the task ${task} with neither a test_split nor a validation_split`,
      expected: 'one of them',
      remedy: 'Name the split to be scored.',
    });
  }

  /** The split that few-shot examples are drawn from. */
  get fewShot(): string {
    const { fewshot_split: own, training_split: training, validation_split: validation } = this.#definition.config;
    return own ?? training ?? validation ?? this.evaluated;
  }

  /**
   * @throws {@link UsageError} `TASK_DATA` when nobody tells where the data is; {@link DataError} as `openRecords` does, `TASK_DOCUMENT` when a record is
   * no object or the task's own function cannot take it, `TASK_EMPTY` when there is none.
   */
  documents(split: string): Promise<PlacedDocument[]> {
    const known = this.#splits.get(split) ?? this.#read(split);
    this.#splits.set(split, known);
    return known;
  }

  async #read(split: string): Promise<PlacedDocument[]> {
    const { config } = this.#definition;
    const placed: PlacedDocument[] = [];
    const patterns = this.#patterns(split);
    const hub = this.#hub ? { hub: this.#withFiles(this.#hub, split) } : {};
    for (const pattern of patterns)
      for await (const { value, ...place } of openRecords(pattern, hub)) {
        if (typeof value !== 'object' || value === null || Array.isArray(value))
          throw new DataError('TASK_DOCUMENT', {
            ...place,
            found: `no object: ${JSON.stringify(value)?.slice(0, 60)}`,
            expected: 'one object per example',
            remedy: 'Mend the data.',
          });
        placed.push({ document: value as TaskDocument, place });
      }
    if (placed.length === 0)
      throw new DataError('TASK_EMPTY', {
        file: patterns.join(' '),
        found: `no example of ${config.task}`,
        expected: 'at least one',
        remedy: 'Give other data.',
      });
    return this.#processed(placed);
  }

  #processed(placed: readonly PlacedDocument[]): PlacedDocument[] {
    const { config } = this.#definition;
    if (!config.process_docs) return [...placed];
    const process = hookNamed<(documents: readonly TaskDocument[]) => readonly TaskDocument[]>(this.#hooks, config.process_docs, ownersOf(this.#definition));
    // One by one, so that what goes wrong is told of its example.
    return placed.flatMap(({ document, place }, id) =>
      telling({ task: config.task, id, place }, () => process([document]).map((made) => ({ document: made, place }))),
    );
  }

  /** What the hub does not give is told with the file that can stand in for it. */
  #withFiles(hub: HubData, split: string): HubData {
    return async (name) => {
      try {
        return await hub(name);
      } catch (error) {
        if (error instanceof ChopError && error.code.startsWith('HUB_')) throw this.#noData(split, `with its data ${name}: ${error.message}`, error);
        throw error;
      }
    };
  }

  #noData(split: string, where: string, cause?: unknown): UsageError {
    const { config, file } = this.#definition;
    return new UsageError('TASK_DATA', {
      file,
      found: `the task ${config.task} ${where}`,
      expected: `a file of its split ${split}`,
      remedy: `Give --task-data ${config.task}=FILE (.jsonl or .json, also .gz or .zst; .parquet), or --task-data ${config.task}:${split}=FILE for that split alone.`,
      ...(cause === undefined ? {} : { cause }),
    });
  }

  #patterns(split: string): string[] {
    const { config, file } = this.#definition;
    const given = this.#files[`${config.task}:${split}`] ?? this.#files[config.task];
    if (given !== undefined) return [given];
    const listed = config.dataset_kwargs?.['data_files'];
    if (listed !== undefined && LOCAL_BUILDERS.includes(config.dataset_path ?? '')) {
      const own = typeof listed === 'object' && listed !== null && !Array.isArray(listed) ? (listed as Record<string, unknown>)[split] : listed;
      const names = [own ?? []].flat().map(String);
      if (names.length > 0) return names.map((name) => (existsSync(name) ? name : join(dirname(file), name)));
    }
    const { dataset_path: path, dataset_name: name, dataset_kwargs: kwargs } = config;
    if (this.#hub && path && !LOCAL_BUILDERS.includes(path)) {
      const revision = kwargs?.['revision'];
      return [`hf:${path}${typeof revision === 'string' ? `@${revision}` : ''}:${name ?? ''}/${split}`];
    }
    throw this.#noData(split, path ? `with its data at ${path}, which is not read from there` : 'that names no data');
  }
}

/** Runs something on one example, and lets errors tell which. @throws {@link DataError} `TASK_DOCUMENT` for errors of functions. */
export function telling<T>({ task, id, place }: { task: string; id: number; place: PlacedDocument['place'] }, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const where = { ...place, task, doc_id: id };
    if (error instanceof ChopError) throw error.with(where);
    throw new DataError('TASK_DOCUMENT', {
      ...where,
      found: `example ${id} of ${task}: ${error instanceof Error ? error.message : String(error)}`,
      expected: 'an example that the task can read',
      remedy: 'Mend the data, or give the task its own.',
      cause: error,
    });
  }
}
