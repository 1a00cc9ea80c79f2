import type { Place } from '@chop/core';
import { z } from 'zod';

/** A Python function that a task names: `!function utils.process_docs`. */
export class FunctionTag {
  readonly name: string;
  readonly place: Place;

  constructor(name: string, place: Place) {
    this.name = name;
    this.place = place;
  }
}

const hook = z.instanceof(FunctionTag);
const words = z.union([z.string(), z.array(z.string())]).transform((given) => (typeof given === 'string' ? [given] : given));
const ignored = z.unknown().optional();

/** How a part of a prompt is made: a field's name or a Jinja template, a function, or what it is. */
const toText = z.union([z.string(), z.number(), hook]);
const toTarget = z.union([z.string(), z.number(), z.boolean(), z.array(z.unknown()), hook]);
const toChoice = z.union([z.string(), z.array(z.unknown()), z.record(z.string(), z.unknown()), hook]);

const metric = z.looseObject({
  metric: z.union([z.string(), hook]),
  aggregation: z.union([z.string(), hook]).nullish(),
  higher_is_better: z.boolean().nullish(),
  hf_evaluate: z.boolean().nullish(),
});

const filterStep = z.looseObject({ function: z.union([z.string(), hook]) });
const filter = z.strictObject({ name: z.string(), filter: z.array(filterStep).min(1) });

const fewshotConfig = z.strictObject({
  sampler: z.string().optional().describe('default or first_n'),
  samples: z.union([z.array(z.record(z.string(), z.unknown())), hook]).optional(),
  doc_to_text: toText.optional(),
  doc_to_target: toTarget.optional(),
  doc_to_choice: toChoice.optional(),
  split: ignored,
  process_docs: ignored,
});

const generation = z.strictObject({
  until: words.nullish(),
  max_gen_toks: z.number().int().min(1).nullish(),
  do_sample: z.boolean().nullish(),
  temperature: z.number().min(0).nullish(),
  top_p: z.number().nullish(),
  top_k: z.number().int().nullish(),
  max_length: ignored,
});

/** A task as lm-eval 0.4.9 writes it; `null` is as if it were not there. */
export const taskSchema = z.strictObject({
  task: z.string(),
  task_alias: z.string().nullish(),
  tag: words.nullish(),
  dataset_path: z.string().nullish(),
  dataset_name: z.string().nullish(),
  dataset_kwargs: z.record(z.string(), z.unknown()).nullish(),
  training_split: z.string().nullish(),
  validation_split: z.string().nullish(),
  test_split: z.string().nullish(),
  fewshot_split: z.string().nullish(),
  process_docs: hook.nullish().describe('a !function'),
  doc_to_text: toText.nullish(),
  doc_to_target: toTarget.nullish(),
  doc_to_choice: toChoice.nullish(),
  process_results: hook.nullish().describe('a !function'),
  description: z.string().nullish(),
  target_delimiter: z.string().nullish(),
  fewshot_delimiter: z.string().nullish(),
  fewshot_config: fewshotConfig.nullish(),
  num_fewshot: z.number().int().min(0).nullish(),
  metric_list: z.array(metric).nullish(),
  output_type: z.enum(['multiple_choice', 'loglikelihood', 'loglikelihood_rolling', 'generate_until']).default('generate_until'),
  generation_kwargs: generation.nullish(),
  repeats: z.literal(1).nullish().describe('1: answers are not drawn several times'),
  filter_list: z.array(filter).nullish(),
  gen_prefix: z.string().nullish(),
  unsafe_code: z.literal(false).nullish().describe('false: no task runs what a model writes'),
  should_decontaminate: ignored,
  doc_to_decontamination_query: ignored,
  metadata: ignored,
});

/** A group as lm-eval 0.4.9 writes it. */
export const groupSchema = z.strictObject({
  group: z.string(),
  group_alias: z.string().nullish(),
  task: z
    .union([z.string(), z.array(z.union([z.string(), z.record(z.string(), z.unknown())]))])
    .transform((given) => (typeof given === 'string' ? [given] : given)),
  aggregate_metric_list: z
    .union([z.array(z.unknown()), z.record(z.string(), z.unknown())])
    .transform((given) => (Array.isArray(given) ? given : [given]))
    .pipe(
      z.array(
        z.strictObject({
          metric: z.string(),
          aggregation: z.literal('mean').default('mean').describe('mean'),
          weight_by_size: z.boolean().default(false),
          filter_list: words.default(['none']),
        }),
      ),
    )
    .nullish(),
  tag: ignored,
  metadata: ignored,
});

/** Keys of lm-eval's tasks that chop knows of and cannot serve. */
export const UNSUPPORTED: Readonly<Record<string, string>> = {
  class: 'a task in Python',
  custom_dataset: 'a data set that Python makes',
  doc_to_image: 'images',
  doc_to_audio: 'sounds',
  use_prompt: 'prompts of promptsource',
};

export type TaskConfig = z.output<typeof taskSchema>;
export type GroupConfig = z.output<typeof groupSchema>;
export type MetricConfig = NonNullable<TaskConfig['metric_list']>[number];
export type FilterConfig = NonNullable<TaskConfig['filter_list']>[number];
export type GenerationConfig = NonNullable<TaskConfig['generation_kwargs']>;
