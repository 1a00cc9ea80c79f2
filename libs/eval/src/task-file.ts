import { readFile } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { checkOptions, type Place, UsageError } from '@chop/core';
import { PlacedYaml } from '@chop/data';
import { FunctionTag, type GroupConfig, groupSchema, type TaskConfig, taskSchema, UNSUPPORTED } from './task-schema.js';

/** Files that include each other stop here. */
const MOST_INCLUDES = 20;

/** Where the key of a path was written. */
export type PlaceOf = (path: readonly PropertyKey[]) => Place;

/** A task or a group in a file, its includes taken in. */
export interface TaskFile {
  readonly file: string;
  readonly keys: Readonly<Record<string, unknown>>;
  readonly placeOf: PlaceOf;
}

/** A checked task, and the folders whose Python modules its functions were written in. */
export interface TaskDefinition {
  readonly config: TaskConfig;
  readonly file: string;
  /** Folder of the file, or of one that it includes: `hellaswag`. */
  readonly folders: readonly string[];
}

/**
 * Reads a YAML file with lm-eval's `include` and `!function`.
 * @throws {@link UsageError} `TASK_SYNTAX`, `TASK_MISSING` when an included file is not there.
 */
export async function readTaskFile(file: string, depth = 0): Promise<TaskFile> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) =>
    Promise.reject(
      new UsageError('TASK_MISSING', { file, found: 'no readable file', expected: 'a task in YAML', remedy: 'Check the path, or the include.', cause }),
    ),
  );
  const yaml = new PlacedYaml(text, file, { version: '1.1', tags: { function: (name) => new FunctionTag(name, { file, ...lineOf(text, name) }) } });
  const broken = yaml.broken ?? (isRecord(yaml.value) ? undefined : { line: 1, message: 'no keys' });
  if (broken) throw new UsageError('TASK_SYNTAX', { file, line: broken.line, found: broken.message, expected: 'a task in YAML', remedy: 'Mend that line.' });
  const own: TaskFile = { file, keys: yaml.value as Record<string, unknown>, placeOf: (path) => yaml.placeOf(path) };
  return withIncludes(own, depth);
}

function lineOf(text: string, functionName: string): { line?: number } {
  const at = text.indexOf(`!function ${functionName}`);
  return at < 0 ? {} : { line: text.slice(0, at).split('\n').length };
}

async function withIncludes({ file, keys: { include, ...keys }, placeOf }: TaskFile, depth: number): Promise<TaskFile> {
  if (include === undefined) return { file, keys, placeOf };
  if (depth > MOST_INCLUDES)
    throw new UsageError('TASK_SYNTAX', { ...placeOf(['include']), found: 'files that include each other', expected: 'an end of the includes' });
  // The last of several is read first, and the others come over it.
  const parts: TaskFile[] = [];
  for (const path of [include].flat().map(String).toReversed()) parts.push(await readTaskFile(isAbsolute(path) ? path : join(dirname(file), path), depth + 1));
  const merged = Object.assign({}, ...parts.map((part) => part.keys), keys) as Record<string, unknown>;
  const owner = (key: PropertyKey | undefined): PlaceOf =>
    key !== undefined && Object.hasOwn(keys, key)
      ? placeOf
      : (parts.findLast((part) => key !== undefined && Object.hasOwn(part.keys, key))?.placeOf ?? placeOf);
  return { file, keys: merged, placeOf: (path) => owner(path[0])(path) };
}

/** @throws {@link UsageError} `TASK_UNSUPPORTED`, `OPTION_UNKNOWN` (names the nearest key), `OPTION_VALUE`; with file and line. */
export function checkTask({ file, keys, placeOf }: TaskFile): TaskDefinition {
  for (const [key, what] of Object.entries(UNSUPPORTED)) {
    if (keys[key] === undefined || keys[key] === null) continue;
    throw new UsageError('TASK_UNSUPPORTED', {
      ...placeOf([key]),
      found: `${key}: ${what}`,
      expected: 'a task of texts, in YAML alone',
      remedy: `Leave the task ${String(keys['task'])} out.`,
    });
  }
  const config = checkOptions(taskSchema, keys, String(keys['task']), placeOf);
  if (config.fewshot_config?.sampler !== undefined && !['default', 'first_n'].includes(config.fewshot_config.sampler))
    throw new UsageError('TASK_UNSUPPORTED', {
      ...placeOf(['fewshot_config', 'sampler']),
      found: `the sampler ${config.fewshot_config.sampler}`,
      expected: 'default or first_n',
      remedy: 'Choose one of them.',
    });
  return { config, file, folders: foldersOf(file, placeOf, keys) };
}

/** @throws as `checkTask`. */
export function checkGroup({ keys, placeOf }: TaskFile): GroupConfig {
  return checkOptions(groupSchema, keys, String(keys['group']), placeOf);
}

function foldersOf(file: string, placeOf: PlaceOf, keys: Readonly<Record<string, unknown>>): string[] {
  const files = [file, ...Object.keys(keys).flatMap((key) => placeOf([key]).file ?? [])];
  return [...new Set(files.map((each) => basename(dirname(each))))];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
