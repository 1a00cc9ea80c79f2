import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nearest, UsageError } from '@chop/core';
import { checkGroup, checkTask, readTaskFile, type TaskDefinition, type TaskFile } from './task-file.js';
import type { GroupConfig } from './task-schema.js';

/** The tasks that chop brings along. */
const BUILT_IN = fileURLToPath(new URL('../tasks/', import.meta.url));

/** Groups within groups stop here. */
const MOST_GROUPS = 20;

/** A group with what it holds. */
export interface TaskGroup {
  readonly config: GroupConfig;
  /** Names of the tasks in it, also of those in groups within it. */
  readonly tasks: readonly string[];
}

/** The tasks of a run, each once and in the order in which they were named, and the groups they were named by. */
export interface ChosenTasks {
  readonly tasks: ReadonlyMap<string, TaskDefinition>;
  readonly groups: ReadonlyMap<string, TaskGroup>;
}

/** Where a name was found: only its file's keys are read until it is asked for. */
interface Shelf {
  readonly tasks: Map<string, TaskFile>;
  readonly groups: Map<string, TaskFile>;
  readonly tags: Map<string, string[]>;
}

/** Every task, group and tag of some folders of YAML files; later folders go before earlier ones, and all before those that chop brings along. */
export class TaskLibrary {
  readonly #shelf: Shelf;

  private constructor(shelf: Shelf) {
    this.#shelf = shelf;
  }

  /**
   * Reads all `.yaml` files below the folders.
   *
   * @throws {@link UsageError} `TASKS_DIR` when there is no such folder, or none of its files is a task; `TASK_SYNTAX`; `TASK_TWICE`.
   */
  static async open(folders: readonly string[] = []): Promise<TaskLibrary> {
    const shelf: Shelf = { tasks: new Map(), groups: new Map(), tags: new Map() };
    for (const folder of [BUILT_IN, ...folders]) {
      const own = await readFolder(folder);
      for (const part of ['tasks', 'groups'] as const) for (const [name, file] of own[part]) shelf[part].set(name, file);
      for (const [tag, names] of own.tags) shelf.tags.set(tag, [...new Set([...(shelf.tags.get(tag) ?? []), ...names])]);
    }
    return new TaskLibrary(shelf);
  }

  /** All names that {@link choose} knows. */
  get names(): string[] {
    const { tasks, groups, tags } = this.#shelf;
    return [...tasks.keys(), ...groups.keys(), ...tags.keys()];
  }

  /**
   * The tasks that names of tasks, groups and tags stand for.
   *
   * @throws {@link UsageError} `TASK_UNKNOWN` (names the nearest), `TASK_TWICE`, and what {@link checkTask} throws.
   */
  choose(names: readonly string[]): ChosenTasks {
    const chosen = { tasks: new Map<string, TaskDefinition>(), groups: new Map<string, TaskGroup>() };
    const twice = names.find((name, at) => names.indexOf(name) !== at);
    if (twice !== undefined) throw new UsageError('TASK_TWICE', { found: `the task ${twice} twice`, expected: 'each task once', remedy: 'Name it once.' });
    for (const name of names) this.#add(name, chosen, 0);
    return chosen;
  }

  /** @returns the names of the tasks that were meant. */
  #add(name: string, chosen: { tasks: Map<string, TaskDefinition>; groups: Map<string, TaskGroup> }, depth: number): string[] {
    const task = this.#shelf.tasks.get(name);
    if (task) {
      if (!chosen.tasks.has(name)) chosen.tasks.set(name, checkTask(task));
      return [name];
    }
    const group = this.#shelf.groups.get(name);
    const inner = group ? undefined : this.#shelf.tags.get(name);
    if (inner) return inner.flatMap((one) => this.#add(one, chosen, depth + 1));
    if (!group) throw this.#unknown(name);
    if (depth > MOST_GROUPS)
      throw new UsageError('TASK_SYNTAX', { file: group.file, found: `the group ${name} within itself`, expected: 'groups that end in tasks' });
    const config = checkGroup(group);
    const tasks = config.task.flatMap((entry) =>
      typeof entry === 'string' ? this.#add(entry, chosen, depth + 1) : this.#addEntry(entry, group, chosen, depth),
    );
    chosen.groups.set(name, { config, tasks: [...new Set(tasks)] });
    return tasks;
  }

  /** A group's own version of a task: its name with keys to change, or all of its keys. */
  #addEntry(
    entry: Record<string, unknown>,
    group: TaskFile,
    chosen: { tasks: Map<string, TaskDefinition>; groups: Map<string, TaskGroup> },
    depth: number,
  ): string[] {
    if (Array.isArray(entry['task']) || typeof entry['task'] !== 'string') {
      throw new UsageError('TASK_UNSUPPORTED', {
        ...group.placeOf(['task']),
        found: `a group within the group ${String(group.keys['group'])} that has no file of its own`,
        expected: 'names of tasks and groups, or tasks with keys to change',
        remedy: 'Give the inner group a file.',
      });
    }
    const name = entry['task'];
    const base = this.#shelf.tasks.get(name);
    if (!base && Object.keys(entry).length < 3) return this.#add(name, chosen, depth + 1);
    if (!chosen.tasks.has(name))
      chosen.tasks.set(
        name,
        checkTask({ file: base?.file ?? group.file, keys: { ...base?.keys, ...entry }, placeOf: base?.placeOf ?? (() => group.placeOf(['task'])) }),
      );
    return [name];
  }

  #unknown(name: string): UsageError {
    const near = nearest(name, this.names);
    return new UsageError('TASK_UNKNOWN', {
      found: `the task ${name}`,
      expected: `one of ${[...this.names].sort().slice(0, SHOWN_NAMES).join(', ')}${this.names.length > SHOWN_NAMES ? ', …' : ''}`,
      remedy: `Did you mean ${near ?? 'another'}? More tasks are read from --tasks-dir DIR.`,
    });
  }
}

/** A message names so many tasks; a folder may hold thousands. */
const SHOWN_NAMES = 30;

async function readFolder(folder: string): Promise<Shelf> {
  const shelf: Shelf = { tasks: new Map(), groups: new Map(), tags: new Map() };
  const status = await stat(folder).catch(() => undefined);
  const entries = status?.isDirectory() ? await readdir(folder, { recursive: true, withFileTypes: true }) : [];
  const files = entries.filter((entry) => entry.isFile() && entry.name.endsWith('.yaml')).map((entry) => join(entry.parentPath, entry.name));
  for (const path of files.sort()) {
    const file = await readTaskFile(path);
    const { task, group, tag } = file.keys;
    if (typeof group === 'string' && task !== undefined) put(shelf.groups, group, file);
    else if (typeof task === 'string') {
      put(shelf.tasks, task, file);
      for (const one of [tag ?? []].flat()) shelf.tags.set(String(one), [...(shelf.tags.get(String(one)) ?? []), task]);
    }
  }
  if (shelf.tasks.size + shelf.groups.size > 0) return shelf;
  throw new UsageError('TASKS_DIR', {
    file: folder,
    found: status?.isDirectory() ? 'no task among its files' : 'no such folder',
    expected: 'a folder with tasks in .yaml files',
    remedy: "Give lm-eval's tasks folder, or one with files like it.",
  });
}

function put(shelf: Map<string, TaskFile>, name: string, file: TaskFile): void {
  const other = shelf.get(name);
  if (other)
    throw new UsageError('TASK_TWICE', {
      file: file.file,
      found: `a second ${name}`,
      expected: `one, that of ${other.file}`,
      remedy: 'Rename one of them, or move it away.',
    });
  shelf.set(name, file);
}
