import { z } from 'zod';

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1e3, M: 1e6, B: 1e9 };

/** A number of tokens: `300000`, `300k`, `50M`, `1.5B`. */
const quantity = z.union([z.number(), z.string()]).transform((given, context): number => {
  const [, digits, unit] = /^(\d+(?:\.\d+)?(?:e\d+)?)([kMB]?)$/.exec(String(given)) ?? [];
  const value = Number(digits) * UNITS[unit ?? '']!;
  if (value > 0) return value;
  context.addIssue({ code: 'custom', message: 'a number of tokens such as 300000, 300k, 50M or 1.5B' });
  return z.NEVER;
});

/** What a training run is told: the flags of `chop train`, the keys of a recipe's `train`. Every default is here. */
export const trainOptions = z.strictObject({
  tokens: quantity.optional().describe('tokens to train on, or give steps'),
  steps: z.number().int().positive().optional().describe('optimiser steps, or give tokens'),
  batchSize: z.number().int().min(1).default(8).describe('sequences per step'),
  window: z.number().int().min(2).default(512).describe('tokens per sequence'),
  accumulate: z.number().int().min(1).default(1).describe('batches whose gradients are averaged for one step'),
  order: z.enum(['shuffled', 'sequential']).default('shuffled').describe('order of the windows'),
  shuffleBuffer: z
    .number()
    .int()
    .min(1)
    .optional()
    .describe('read the text as a stream, and shuffle within so many windows at a time; without it the whole text is in memory'),
  join: z.string().optional().describe('text put between documents; by default the end-of-text token'),
  optimizer: z.enum(['adamw', 'lion']).default('adamw').describe('update rule'),
  lr: z.number().positive().default(3e-4).describe('peak learning rate'),
  betas: z
    .tuple([z.number().min(0).lt(1), z.number().min(0).lt(1)])
    .default([0.9, 0.95])
    .describe('memory of the moments'),
  eps: z.number().positive().default(1e-8).describe("AdamW's epsilon"),
  weightDecay: z.number().min(0).default(0.1).describe('decoupled decay, on matrices only'),
  clip: z.number().positive().default(1).describe('largest global norm of the gradient'),
  schedule: z.enum(['cosine', 'linear', 'constant']).default('cosine').describe('learning rate after the warm-up'),
  warmupSteps: z.number().int().min(0).optional().describe('steps to the peak learning rate; by default 2 % of the steps'),
  minLrRatio: z.number().min(0).max(1).default(0.1).describe('learning rate at the end, as a share of the peak'),
  seed: z.number().int().min(0).default(0).describe('seed of the order of the text and of methods'),
  evalEvery: quantity.optional().describe('tokens between two evaluations'),
  evalTasks: z.array(z.string()).min(1).optional().describe('tasks, groups and tags that each evaluation puts to the model as it is'),
  evalTasksDir: z.array(z.string()).optional().describe("folders of more tasks in lm-eval's YAML"),
  evalTaskData: z.record(z.string(), z.string()).optional().describe('files of their examples by TASK or TASK:SPLIT'),
  evalLimit: z.number().int().min(1).optional().describe('the first so many examples of each task'),
  patience: z.number().int().positive().optional().describe('evaluations without a better score after which training stops; the best weights are kept'),
  watch: z.string().optional().describe('the score that patience looks at: perplexity, a task, or mean; by default the first of these that is measured'),
  saveEvery: quantity.optional().describe('tokens between two snapshots; by default a tenth of the run'),
  keep: z.number().int().min(1).default(2).describe('snapshots kept'),
  precision: z
    .enum(['f32', 'bf16'])
    .default('f32')
    .describe('bf16 rounds what matrix products multiply, and is fast where the processor has avx512_bf16; sums, weights and moments stay float32'),
  checkpointBlocks: z.boolean().default(false).describe('compute each layer again in the backward pass: less memory, a third more time'),
  documentMask: z.boolean().default(false).describe('attention does not cross documents'),
  chat: z.boolean().default(false).describe('jsonl with messages; loss on answers only'),
});

/** Checked options of a training run, every default filled in. */
export type TrainOptions = z.output<typeof trainOptions>;
/** Options of a training run as they are given. */
export type TrainOptionsInput = z.input<typeof trainOptions>;
