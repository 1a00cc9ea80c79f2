import { type Model, nearest, type Parts, UsageError } from '@chop/core';
import type { Tokenizer } from '@chop/data';
import { PASS_TOKENS, type PreparedTasks, prepareTasks } from '@chop/eval';
import type { TrainingParts, TrainOptions, Watched } from '@chop/training';
import { measurePerplexity } from './evaluate.js';
import { hubData } from './hub-data.js';
import type { Common } from './request.js';

/** Windows that an evaluation during training looks at. */
const ONLINE_WINDOWS = 20;

/** What a run measures on its way, and which of it decides when it ends. */
export type Online = Pick<TrainingParts, 'evaluate' | 'watched'>;

/**
 * The evaluations of a training run: perplexity on its text and tasks, on the weights as they are. Tasks and their data are read and checked at once.
 * An evaluation that has begun goes on to its end when the run is interrupted: its scores are the step's that is saved.
 *
 * @throws {@link UsageError} `TRAIN_EVALUATION` for options of evaluations without one; `TRAIN_WATCH` for a score that is not measured; what tasks throw.
 */
export async function onlineOf(
  parts: Parts,
  { valid, ...common }: Common & { readonly valid?: readonly string[] },
  options: TrainOptions,
  tokenizer: () => Promise<Tokenizer>,
): Promise<Online> {
  checkAsked(options, valid !== undefined);
  const { evalEvery, evalTasks, evalTasksDir, evalTaskData, evalLimit } = options;
  if (evalEvery === undefined) return {};
  // About as many at once as a step of training, whose memory is there; more than these do not pay.
  const passTokens = Math.min(PASS_TOKENS, options.batchSize * options.window);
  const given = { tasksDir: evalTasksDir, taskData: evalTaskData, limit: evalLimit };
  const prepared =
    evalTasks &&
    (await prepareTasks(
      { tasks: evalTasks, passTokens, bootstrap: 0, ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) },
      {},
      hubData(common),
    ));
  if (!prepared && valid === undefined) return {};
  return {
    evaluate: async (live) => ({
      ...(valid === undefined ? {} : await perplexityOf(parts, live, await tokenizer(), { valid, options })),
      ...(prepared ? await accuraciesOf(live, await tokenizer(), prepared, common) : {}),
    }),
    ...(options.patience === undefined ? {} : { watched: watchedOf(options, options.patience, valid !== undefined, prepared) }),
  };
}

/** One number a task, and their mean where there are several. */
async function accuraciesOf(live: Model, tokenizer: Tokenizer, prepared: PreparedTasks, { onProgress }: Common): Promise<Record<string, number>> {
  const { tasks, headlines, mean } = await prepared.evaluate(live, {
    tokenizer,
    onProgress: (done, total) => onProgress?.({ phase: 'evaluate', done, total }),
  });
  return { ...Object.fromEntries(Object.entries(headlines).map(([task, metric]) => [task, tasks[task]![metric]!])), ...(mean === undefined ? {} : { mean }) };
}

async function perplexityOf(
  parts: Parts,
  live: Model,
  tokenizer: Tokenizer,
  { valid, options: { window, join: between } }: { valid: readonly string[]; options: TrainOptions },
): Promise<{ perplexity: number }> {
  const request = { data: valid, window, windows: ONLINE_WINDOWS, ...(between === undefined ? {} : { join: between }) };
  return { perplexity: (await measurePerplexity(parts, live, { tokenizer }, request, {})).value };
}

function checkAsked({ evalEvery, evalTasks, evalTasksDir, evalTaskData, evalLimit, patience, watch }: TrainOptions, hasText: boolean): void {
  const refuse = (found: string, expected: string, remedy: string): never => {
    throw new UsageError('TRAIN_EVALUATION', { found, expected, remedy });
  };
  const of = { '--eval-tasks-dir': evalTasksDir, '--eval-task-data': evalTaskData, '--eval-limit': evalLimit };
  const [lost] = Object.entries(of).find(([, value]) => value !== undefined) ?? [];
  if (lost !== undefined && !evalTasks) refuse(`${lost} without --eval-tasks`, 'the names of tasks', 'For example --eval-tasks piqa,sciq.');
  if (watch !== undefined && patience === undefined) refuse(`--watch ${watch} without --patience`, 'both', 'For example --patience 3.');
  const asked = evalTasks ? '--eval-tasks' : patience === undefined ? undefined : '--patience';
  if (asked !== undefined && evalEvery === undefined) refuse(`${asked} without --eval-every`, 'how often to evaluate', 'For example --eval-every 1M (tokens).');
  if (patience !== undefined && !evalTasks && !hasText) refuse('--patience with nothing that is measured', '--valid DATA or --eval-tasks', 'Give one of them.');
}

function watchedOf({ watch }: TrainOptions, patience: number, hasText: boolean, prepared: PreparedTasks | undefined): Watched {
  const headlines = Object.entries(prepared?.headlines ?? {});
  const scores = new Map<string, Watched['better']>([
    ...(hasText ? ([['perplexity', 'lower']] as const) : []),
    ...(headlines.length > 1 && headlines.every(([, { metric }]) => metric.startsWith('acc')) ? ([['mean', 'higher']] as const) : []),
    ...headlines.map(([task, { better }]) => [task, better] as const),
  ]);
  const name = watch ?? [...scores.keys()][0]!;
  const better = scores.get(name);
  if (better !== undefined) return { name, better, patience };
  const names = [...scores.keys()];
  throw new UsageError('TRAIN_WATCH', {
    found: `--watch ${name}`,
    expected: `a score that is measured: ${names.join(', ')}`,
    remedy: `Did you mean ${nearest(name, names)}?`,
  });
}
