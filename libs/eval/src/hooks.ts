import { nearest, UsageError } from '@chop/core';
import { COMPLETION_HOOKS } from './hooks-completion.js';
import { PASSAGE_HOOKS } from './hooks-passage.js';
import { QUESTION_HOOKS } from './hooks-question.js';
import type { FunctionTag } from './task-schema.js';

/** One example, as the data file has it. */
export type TaskDocument = Readonly<Record<string, unknown>>;

/** What a Python function of a task does, in TypeScript: it takes and gives what the Python one does. */
export type Hook = (...given: never[]) => unknown;

/** Functions by `OWNER/module.name`; the owner is the folder of the task's file, or the task. */
export type Hooks = Readonly<Record<string, Hook>>;

/** The functions of lm-eval's tasks that chop knows. */
export const HOOKS: Hooks = { ...COMPLETION_HOOKS, ...QUESTION_HOOKS, ...PASSAGE_HOOKS };

/**
 * The function that a task names.
 *
 * @param owners - who may own it: folders of the task's files, the task.
 * @throws {@link UsageError} `TASK_FUNCTION` when there is none of that name.
 */
export function hookNamed<H extends Hook>(hooks: Hooks, { name, place }: FunctionTag, owners: readonly string[]): H {
  for (const owner of owners) {
    const hook = hooks[`${owner}/${name}`];
    if (hook) return hook as H;
  }
  const known = Object.keys(hooks);
  const wanted = `${owners[0]}/${name}`;
  throw new UsageError('TASK_FUNCTION', {
    ...place,
    found: `the Python function ${name} of ${owners[0]}`,
    expected: `a function that chop knows: ${known.join(', ')}`,
    remedy: `Python cannot run here. The nearest is ${nearest(wanted, known) ?? 'none'}; a program can give functions of its own to prepareTasks.`,
  });
}
