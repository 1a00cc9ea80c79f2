import { createHash } from 'node:crypto';
import type { Answers } from './answer.js';
import { type Answer, multipleChoice, type MetricValue } from './metrics.js';
import { pythonText } from './python-text.js';
import type { Example, TaskRequest } from './task.js';

/** One example in the log: the fields of lm-eval's `--log_samples`, the log-likelihoods as numbers, and every metric by its name. */
export interface SampleLine {
  readonly task: string;
  readonly doc_id: number;
  readonly doc: unknown;
  readonly target: unknown;
  /** Log-likelihood of every request, in nats. */
  readonly ll: readonly number[];
  readonly arguments: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly resps: readonly unknown[];
  readonly filtered_resps: readonly unknown[];
  readonly filter: string;
  readonly metrics: readonly string[];
  readonly doc_hash: string;
  readonly prompt_hash: string;
  readonly target_hash: string;
  readonly truncated?: number;
  readonly first_tokens?: readonly number[];
  readonly [metric: string]: unknown;
}

/** What a line is made of. */
export interface SampleParts {
  readonly task: string;
  readonly example: Example;
  readonly answered: Answers;
  readonly filter: string;
  readonly filtered: readonly Answer[];
  readonly metrics: Readonly<Record<string, MetricValue>>;
  readonly firstTokens: boolean;
}

/** The line of an example. Multiple choices always tell `acc` and `acc_norm`, also where the task asks for one of them only. */
export function sampleLine({ task, example, answered, filter, filtered, metrics, firstTokens }: SampleParts): SampleLine {
  const { document, id, target, choices, gold, requests } = example;
  const asked = requests.map(argumentsOf);
  const { answers } = answered;
  const always = choices && gold.length > 0 ? multipleChoice({ choices, gold }, answers as (readonly [number, boolean])[]) : {};
  return {
    task,
    doc_id: id,
    doc: document,
    target,
    ll: answers
      .filter((answer) => typeof answer !== 'string')
      .map((answer) => (typeof answer === 'number' ? answer : (answer as readonly [number, boolean])[0])),
    arguments: Object.fromEntries(asked.map((given, at) => [`gen_args_${at}`, Object.fromEntries(given.map((value, part) => [`arg_${part}`, value]))])),
    resps: answers.map((answer) => [told(answer)]),
    filtered_resps: filtered.map(told),
    filter,
    metrics: Object.keys(metrics),
    doc_hash: hashed(JSON.stringify(document, undefined, 2)),
    prompt_hash: hashed(String(asked[0]?.[0] ?? '')),
    target_hash: hashed(pythonText(target)),
    ...(answered.truncated > 0 ? { truncated: answered.truncated } : {}),
    ...(firstTokens ? { first_tokens: answered.firstTokens } : {}),
    ...(choices && gold.length > 0 ? { acc: always['acc'], acc_norm: always['acc_norm'] } : {}),
    ...metrics,
  };
}

function argumentsOf(request: TaskRequest): readonly unknown[] {
  if (request.kind === 'score') return [request.context, request.continuation];
  if (request.kind === 'rolling') return [request.text];
  return [request.context, { until: request.until, max_gen_toks: request.maxTokens, do_sample: request.temperature > 0, temperature: request.temperature }];
}

/** lm-eval writes numbers as texts. */
function told(answer: Answer): unknown {
  if (typeof answer === 'number') return String(answer);
  return typeof answer === 'string' ? answer : [String(answer[0]), answer[1] ? 'True' : 'False'];
}

function hashed(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
