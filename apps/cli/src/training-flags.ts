import { Option } from 'commander';
import type { TrainOptionsInput } from '@chop/chop';
import { count, each, joiner, namedFile, names, positive, real, reals } from './option-values.js';

type TrainingOption = keyof TrainOptionsInput;

interface TrainingFlag {
  readonly flags: string;
  readonly description: string;
  /** What holds when the flag is absent, as the schema has it. */
  readonly fallback?: string | number;
  readonly parse?: (text: string, before: never) => unknown;
  readonly choices?: readonly string[];
}

/** The options of training as flags. The schema is loaded with the trainer only; a test holds this table to it. */
export const TRAINING_FLAGS: { readonly [option in Exclude<TrainingOption, 'seed'>]: TrainingFlag } = {
  tokens: { flags: '--tokens <n>', description: 'tokens to train on, or give steps', parse: positive },
  steps: { flags: '--steps <n>', description: 'optimiser steps, or give tokens', parse: positive },
  batchSize: { flags: '--batch-size <n>', description: 'sequences per step', fallback: 8, parse: positive },
  window: { flags: '--window <tokens>', description: 'tokens per sequence', fallback: 512, parse: positive },
  accumulate: { flags: '--accumulate <n>', description: 'batches whose gradients are averaged for one step', fallback: 1, parse: positive },
  order: { flags: '--order <order>', description: 'order of the windows', fallback: 'shuffled', choices: ['shuffled', 'sequential'] },
  shuffleBuffer: {
    flags: '--shuffle-buffer <windows>',
    description: 'read the text as a stream, and shuffle within so many windows at a time; without it the whole text is in memory',
    parse: positive,
  },
  join: { flags: '--join <text>', description: 'text put between documents; by default the end-of-text token', parse: joiner },
  optimizer: { flags: '--optimizer <name>', description: 'update rule', fallback: 'adamw', choices: ['adamw', 'lion'] },
  lr: { flags: '--lr <rate>', description: 'peak learning rate', fallback: 3e-4, parse: real },
  betas: { flags: '--betas <a,b>', description: 'memory of the moments', fallback: '0.9,0.95', parse: reals },
  eps: { flags: '--eps <x>', description: "AdamW's epsilon", fallback: 1e-8, parse: real },
  weightDecay: { flags: '--weight-decay <x>', description: 'decoupled decay, on matrices only', fallback: 0.1, parse: real },
  clip: { flags: '--clip <norm>', description: 'largest global norm of the gradient', fallback: 1, parse: real },
  schedule: { flags: '--schedule <shape>', description: 'learning rate after the warm-up', fallback: 'cosine', choices: ['cosine', 'linear', 'constant'] },
  warmupSteps: { flags: '--warmup-steps <n>', description: 'steps to the peak learning rate; by default 2 % of the steps', parse: count },
  minLrRatio: { flags: '--min-lr-ratio <x>', description: 'learning rate at the end, as a share of the peak', fallback: 0.1, parse: real },
  evalEvery: { flags: '--eval-every <tokens>', description: 'tokens between two evaluations', parse: positive },
  evalTasks: { flags: '--eval-tasks <names>', description: 'tasks, groups and tags that each evaluation puts to the model as it is', parse: names },
  evalTasksDir: { flags: '--eval-tasks-dir <dir>', description: "folders of more tasks in lm-eval's YAML", parse: each },
  evalTaskData: { flags: '--eval-task-data <task=file>', description: 'files of their examples by TASK or TASK:SPLIT', parse: namedFile },
  evalLimit: { flags: '--eval-limit <n>', description: 'the first so many examples of each task', parse: positive },
  patience: {
    flags: '--patience <n>',
    description: 'evaluations without a better score after which training stops; the best weights are kept',
    parse: positive,
  },
  watch: {
    flags: '--watch <score>',
    description: 'the score that patience looks at: perplexity, a task, or mean; by default the first of these that is measured',
  },
  saveEvery: { flags: '--save-every <tokens>', description: 'tokens between two snapshots; by default a tenth of the run', parse: positive },
  keep: { flags: '--keep <n>', description: 'snapshots kept', fallback: 2, parse: positive },
  precision: {
    flags: '--precision <name>',
    description: 'bf16 rounds what matrix products multiply, and is fast where the processor has avx512_bf16; sums, weights and moments stay float32',
    fallback: 'f32',
    choices: ['f32', 'bf16'],
  },
  checkpointBlocks: { flags: '--checkpoint-blocks', description: 'compute each layer again in the backward pass: less memory, a third more time' },
  documentMask: { flags: '--document-mask', description: 'attention does not cross documents' },
  chat: { flags: '--chat', description: 'jsonl with messages; loss on answers only' },
};

export function trainingOptions(): Option[] {
  return Object.values(TRAINING_FLAGS).map(({ flags, description, fallback, parse, choices }) => {
    const option = new Option(flags, fallback === undefined ? description : `${description} [${fallback}]`);
    if (parse) option.argParser(parse as (text: string) => unknown);
    return choices ? option.choices(choices) : option;
  });
}

/** The options of training among the flags that were given. */
export function trainingChoices(flags: Readonly<Record<string, unknown>>): TrainOptionsInput {
  return Object.fromEntries(Object.keys(TRAINING_FLAGS).flatMap((name) => (flags[name] === undefined ? [] : [[name, flags[name]]])));
}
