import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ExampleId, paired, type SampleLine } from '@chop/eval';
import type { Flip, PairedFacts } from '@chop/report';
import type { MeasuredRun } from './run-facts.js';

/** Examples of a variant's tasks. */
interface Sampled {
  /** The variant's. */
  readonly name: string;
  readonly samples: readonly SampleLine[];
  /** By which of its numbers each task is known. */
  readonly headlines: Readonly<Record<string, string>>;
}

/** Characters of a question's end that are told: in few-shot prompts the question comes last. */
const QUESTION_LENGTH = 200;

/** Every later variant beside the first that was tested, by what their runs tell of each example. */
export async function comparisonsOf(runs: readonly MeasuredRun[], texts = true): Promise<PairedFacts[]> {
  const sampled: Sampled[] = [];
  for (const { folder, variants } of runs)
    for (const { name, samplesFile, headlines = {} } of variants)
      if (samplesFile !== undefined) sampled.push({ name, samples: await readSamples(folder, samplesFile), headlines });
  const facts = pairedFacts(sampled);
  return texts ? facts : facts.map((one) => ({ ...one, flips: one.flips.map(({ id, right }) => ({ id, right })) }));
}

/** The lines of a samples file; none where it is gone. */
async function readSamples(folder: string, file: string): Promise<SampleLine[]> {
  const text = await readFile(join(folder, file), 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as SampleLine);
}

/** Every later variant beside the first, on each task of which both have the same examples. */
export function pairedFacts([base, ...others]: readonly Sampled[]): PairedFacts[] {
  if (!base) return [];
  return others.flatMap((other) =>
    [...byTask(base.samples)].flatMap(([task, first]) => compared(task, base, other, first, byTask(other.samples).get(task)) ?? []),
  );
}

function byTask(samples: readonly SampleLine[]): Map<string, Map<ExampleId, SampleLine>> {
  const tasks = new Map<string, Map<ExampleId, SampleLine>>();
  for (const sample of samples) {
    const lines = tasks.get(sample.task) ?? new Map<ExampleId, SampleLine>();
    tasks.set(sample.task, lines);
    // Of a task with several filters the first stands for it, as in the scores.
    if (!lines.has(sample.doc_id)) lines.set(sample.doc_id, sample);
  }
  return tasks;
}

function compared(
  task: string,
  base: Sampled,
  other: Sampled,
  first: ReadonlyMap<ExampleId, SampleLine>,
  second: ReadonlyMap<ExampleId, SampleLine> | undefined,
): PairedFacts | undefined {
  const isSame = second?.size === first.size && [...first].every(([id, { doc_hash: hash }]) => second.get(id)?.doc_hash === hash);
  const metric = [base.headlines[task] ?? 'acc', 'acc', 'exact_match'].find((known) =>
    [...first.values()].every((sample) => typeof sample[known] === 'number'),
  );
  if (!isSame || metric === undefined) return undefined;
  const scores = (lines: ReadonlyMap<ExampleId, SampleLine>): Map<ExampleId, number> => new Map([...lines].map(([id, sample]) => [id, Number(sample[metric])]));
  const { examples, difference, interval, flips, examplesNeeded } = paired(scores(first), scores(second!));
  const flipped = [
    ...(flips?.lost ?? []).map((id) => ({ id, right: 'first' as const })),
    ...(flips?.gained ?? []).map((id) => ({ id, right: 'second' as const })),
  ];
  return {
    first: base.name,
    second: other.name,
    task,
    metric,
    n: examples,
    difference,
    interval: [interval.low, interval.high],
    confidence: interval.confidence,
    ...(flips ? { p: flips.exact, onlyFirst: flips.lost.length, onlySecond: flips.gained.length } : {}),
    ...(examplesNeeded === undefined ? {} : { examplesNeeded }),
    flips: flipped.map(({ id, right }) => flipOf(first.get(id)!, second!.get(id)!, right)),
  };
}

function flipOf(one: SampleLine, other: SampleLine, right: Flip['right']): Flip {
  const asked = String(one.arguments['gen_args_0']?.['arg_0'] ?? '');
  const question = asked.length > QUESTION_LENGTH ? `…${asked.slice(-QUESTION_LENGTH)}` : asked;
  return { id: one.doc_id, ...(question === '' ? {} : { question }), gold: goldOf(one), first: answerOf(one), second: answerOf(other), right };
}

/** What a model answers: of several choices the likeliest, else what it wrote. */
function answerOf(sample: SampleLine): string {
  const {
    ll,
    filtered_resps: [written],
  } = sample;
  if (typeof written === 'string') return written;
  return choiceOf(sample, ll.indexOf(Math.max(...ll)));
}

function goldOf(sample: SampleLine): string {
  const { target } = sample;
  return typeof target === 'number' ? choiceOf(sample, target) : String(target);
}

/** Choices are continuations of one context; where the contexts are the choices (WinoGrande), their ends are the same, and they themselves are told. */
function choiceOf({ arguments: asked }: SampleLine, index: number): string {
  const [own, next] = [asked[`gen_args_${index}`], asked[`gen_args_${index === 0 ? 1 : 0}`]];
  const differs = own?.['arg_1'] !== next?.['arg_1'];
  return String((differs ? own?.['arg_1'] : own?.['arg_0']) ?? index).trim();
}
