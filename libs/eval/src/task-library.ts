import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nearest, UsageError } from '@chop/core';
import { PlacedYaml } from '@chop/data';
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

/** Which files tell of a name; later folders go before earlier ones. */
interface Shelf {
  readonly tasks: Map<string, string[]>;
  readonly groups: Map<string, string[]>;
  readonly tags: Map<string, string[]>;
}

/** What a run has chosen so far. */
interface Choice {
  readonly tasks: Map<string, TaskDefinition>;
  readonly groups: Map<string, TaskGroup>;
}

/** Every task, group and tag of some folders of YAML files; later folders go before earlier ones, and all before those that chop brings along. */
export class TaskLibrary {
  readonly #shelf: Shelf;

  private constructor(shelf: Shelf) {
    this.#shelf = shelf;
  }

  /**
   * Looks through all `.yaml` files below the folders for names; the files of a name are read when it is chosen.
   *
   * @throws {@link UsageError} `TASKS_DIR` when there is no such folder, or none of its files is a task.
   */
  static async open(folders: readonly string[] = []): Promise<TaskLibrary> {
    const shelf: Shelf = { tasks: new Map(), groups: new Map(), tags: new Map() };
    for (const folder of [BUILT_IN, ...folders]) {
      const own = await readFolder(folder);
      for (const part of ['tasks', 'groups'] as const) for (const [name, files] of own[part]) shelf[part].set(name, files);
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
   * @throws {@link UsageError} `TASK_UNKNOWN` (names the nearest), `TASK_TWICE`, and what `checkTask` throws.
   */
  async choose(names: readonly string[]): Promise<ChosenTasks> {
    const chosen: Choice = { tasks: new Map(), groups: new Map() };
    const twice = names.find((name, at) => names.indexOf(name) !== at);
    if (twice !== undefined) throw new UsageError('TASK_TWICE', { found: `the task ${twice} twice`, expected: 'each task once', remedy: 'Name it once.' });
    for (const name of names) await this.#add(name, chosen, 0);
    return chosen;
  }

  /** @returns the names of the tasks that were meant. */
  async #add(name: string, chosen: Choice, depth: number): Promise<string[]> {
    if (this.#shelf.tasks.has(name)) {
      if (!chosen.tasks.has(name)) chosen.tasks.set(name, checkTask(await this.#file('tasks', name)));
      return [name];
    }
    if (!this.#shelf.groups.has(name)) {
      const tagged = this.#shelf.tags.get(name);
      if (!tagged) throw this.#unknown(name);
      return this.#addAll(tagged, chosen, depth);
    }
    const group = await this.#file('groups', name);
    if (depth > MOST_GROUPS)
      throw new UsageError('TASK_SYNTAX', { file: group.file, found: `the group ${name} within itself`, expected: 'groups that end in tasks' });
    const config = checkGroup(group);
    const tasks: string[] = [];
    for (const entry of config.task)
      tasks.push(...(typeof entry === 'string' ? await this.#add(entry, chosen, depth + 1) : await this.#addEntry(entry, group, chosen, depth)));
    chosen.groups.set(name, { config, tasks: [...new Set(tasks)] });
    return tasks;
  }

  async #addAll(names: readonly string[], chosen: Choice, depth: number): Promise<string[]> {
    const tasks: string[] = [];
    for (const name of names) tasks.push(...(await this.#add(name, chosen, depth + 1)));
    return tasks;
  }

  /** A group's own version of a task: its name with keys to change, or all of its keys. */
  async #addEntry(entry: Record<string, unknown>, group: TaskFile, chosen: Choice, depth: number): Promise<string[]> {
    const name = entry['task'];
    if (typeof name !== 'string')
      throw new UsageError('TASK_UNSUPPORTED', {
        ...group.placeOf(['task']),
        found: `a group within the group ${String(group.keys['group'])} that has no file of its own`,
        expected: 'names of tasks and groups, or tasks with keys to change',
        remedy: 'Give the inner group a file.',
      });
    if (this.#shelf.groups.has(name) || Object.keys(entry).length === 1) return this.#add(name, chosen, depth + 1);
    const base = this.#shelf.tasks.has(name) ? await this.#file('tasks', name) : undefined;
    const keys = { ...base?.keys, ...entry };
    if (!chosen.tasks.has(name))
      chosen.tasks.set(name, checkTask({ file: base?.file ?? group.file, keys, placeOf: base?.placeOf ?? (() => group.placeOf(['task'])) }));
    return [name];
  }

  async #file(part: 'tasks' | 'groups', name: string): Promise<TaskFile> {
    const [file, other] = this.#shelf[part].get(name)!;
    if (other === undefined) return readTaskFile(file!);
    throw new UsageError('TASK_TWICE', {
      file: other,
      found: `a second ${name}`,
      expected: `one, that of ${file}`,
      remedy: 'Rename one of them, or move it away.',
    });
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
  for (const file of files.sort()) {
    const { task, group, tag } = namesIn(await readFile(file, 'utf8'), file);
    if (typeof group === 'string' && task !== undefined) push(shelf.groups, group, file);
    else if (typeof task === 'string') {
      push(shelf.tasks, task, file);
      for (const one of [tag ?? []].flat()) push(shelf.tags, String(one), task);
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

/** A key at the beginning of a line, and the lines that belong to it. */
const NAMING_KEYS = /^["']?(?:task|group|tag)["']?[ \t]*:.*(?:\n(?:[ \t-].*)?)*/gm;

/** The keys that name what is in a file. The rest of it is read only if it is chosen: lm-eval's own folder has ten thousand files. */
function namesIn(text: string, file: string): Record<string, unknown> {
  const keys = text.match(NAMING_KEYS)?.join('\n');
  const { value } = new PlacedYaml(keys ?? '', file, { version: '1.1' });
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function push(shelf: Map<string, string[]>, name: string, entry: string): void {
  if (!shelf.get(name)?.push(entry)) shelf.set(name, [entry]);
}
