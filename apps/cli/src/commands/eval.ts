import type { EvaluateRequest } from '@chop/chop';
import { type Command, Option } from 'commander';
import type { Action } from '../call.js';
import { examples } from '../examples.js';
import { given } from '../given.js';
import { latencyChoice, latencyFlags, type LatencyFlags } from '../latency-flags.js';
import { NO_CACHE } from '../no-cache.js';
import { dataOption, joinOption } from '../method-options.js';
import { count, each, namedFile, names, positive } from '../option-values.js';

interface EvalFlags extends LatencyFlags {
  readonly base?: string;
  readonly perplexity?: readonly string[];
  readonly window?: number;
  readonly stride?: number;
  readonly windows?: number;
  readonly bos?: boolean;
  readonly join?: string;
  readonly tasks?: readonly string[];
  readonly tasksDir?: readonly string[];
  readonly taskData?: Readonly<Record<string, string>>;
  readonly limit?: number;
  readonly numFewshot?: number;
  readonly maxLength?: number;
  readonly samples?: string;
  readonly firstTokens?: boolean;
  readonly cache: boolean;
}

export function addEval(program: Command, action: Action): void {
  const command = program
    .command('eval')
    .summary('measures a model: perplexity, tasks, speed')
    .description('Measures a model: how well it predicts a text, how well it does tasks, how fast it reads and writes.')
    .argument('<model>', 'MODEL')
    .addOption(dataOption('--perplexity <data...>', 'perplexity on this text'))
    .addOption(new Option('--window <tokens>', 'tokens that the model sees at once; 512 if not given').argParser(positive))
    .addOption(new Option('--stride <tokens>', 'tokens between two windows; as the window if not given').argParser(positive))
    .addOption(new Option('--windows <n>', 'how many windows; all of the text if not given').argParser(positive))
    .option('--bos', 'put the begin-of-text token first: before each window, before each prompt of a task')
    .option('--no-bos', "leave it away, also where the model's tokenizer puts one before the prompts of tasks")
    .addOption(joinOption())
    .addOption(new Option('--tasks <names>', "tasks, groups and tags of lm-eval's kind, with commas between them").argParser(names))
    .addOption(new Option('--tasks-dir <dir>', "a folder of more tasks in lm-eval's YAML (repeatable)").argParser(each))
    .addOption(
      new Option('--task-data <task=file>', 'examples of a task: .jsonl, .json or .parquet; TASK:SPLIT=FILE for one split (repeatable)').argParser(namedFile),
    )
    .addOption(new Option('--limit <n>', 'the first n examples of each task; all if not given').argParser(positive))
    .addOption(new Option('--num-fewshot <n>', 'examples with answers before each question; as the task says if not given').argParser(count))
    .addOption(new Option('--max-length <tokens>', "tokens that the model sees of a task's prompt; all that it can if not given").argParser(positive))
    .option('--samples <file>', "write one line per example of the tasks, with the fields of lm-eval's log")
    .option('--first-tokens', 'tell the first token ids of every example among the samples')
    .option('--no-cache', NO_CACHE)
    .option('--base <model>', 'the MODEL to compare with: timed in turns with it, its answers compared example by example');
  for (const option of latencyFlags('tokens per second of reading and writing, and the memory it takes')) command.addOption(option);
  command
    .addHelpText(
      'after',
      examples(
        'chop eval embedded --perplexity embedded:valid',
        'chop eval half --perplexity text.jsonl --window 512 --windows 20',
        'chop eval half --tasks piqa,sciq --task-data piqa=piqa.jsonl --task-data sciq=sciq.jsonl --samples samples.jsonl',
        'chop eval model.gguf --latency --threads 2 --json',
        'chop eval half --base embedded --latency --batch 1,4 --context 64,256',
      ),
    )
    .action(
      action<EvalFlags>(async (call, [model], flags) => {
        const { perplexity, base, window, stride, windows, bos, join, samples: samplesFile, cache } = flags;
        const text = perplexity && { perplexity: { data: perplexity, ...given({ window, stride, windows, bos, join }) } };
        const [tasks, latency] = [await taskRequest(flags), await latencyChoice(flags)];
        const chop = await call.chop();
        const request = { ...call.common, ...call.force, ...text, cache, ...given({ tasks, samplesFile, latency }) };
        const models: Record<string, string> = { ...given({ base }), result: model! };
        const measured = await chop.evaluate(models, request);
        const { result, ...others } = measured;
        return {
          result: { ...result, ...others },
          text: async () =>
            Object.values(measured)
              .map((await import('../scores-text.js')).scoresText)
              .join('\n\n'),
        };
      }),
    );
}

/** What the flags say of tasks; nothing where they name none. */
async function taskRequest({
  tasks,
  tasksDir,
  taskData,
  limit,
  numFewshot,
  maxLength,
  bos,
  samples,
  firstTokens,
}: EvalFlags): Promise<EvaluateRequest['tasks']> {
  const others = {
    '--tasks-dir': tasksDir,
    '--task-data': taskData,
    '--limit': limit,
    '--num-fewshot': numFewshot,
    '--max-length': maxLength,
    '--samples': samples,
    '--first-tokens': firstTokens,
  };
  if (!tasks) {
    const [flag] = Object.entries(others).find(([, value]) => value !== undefined) ?? [];
    if (flag === undefined) return undefined;
    const { UsageError } = await import('@chop/core/error');
    throw new UsageError('EVAL_TASKS', { found: `${flag} without --tasks`, expected: 'the names of tasks', remedy: 'For example --tasks piqa,sciq.' });
  }
  return {
    tasks: [...tasks],
    ...given({ tasksDir: tasksDir && [...tasksDir], taskData, limit, numFewshot, maxLength, bos, firstTokens }),
  };
}
