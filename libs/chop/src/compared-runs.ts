import { basename } from 'node:path';
import type { ReportFacts, RunFacts, VariantFacts } from '@chop/report';
import { comparisonsOf } from './paired-runs.js';
import { type MeasuredRun, runFacts, type RunSource } from './run-facts.js';

/** What the writer of a page decides. */
export interface PageWords {
  readonly title?: string;
  readonly note?: string;
  /** Whether the texts of flipped examples are shown; they are if not given. */
  readonly texts?: boolean;
}

/** Several runs as the facts of one page: what they share is told once, and every model has a name of its own. */
export async function comparedFacts(sources: readonly RunSource[], { title, note, texts = true }: PageWords = {}): Promise<ReportFacts> {
  const names = namesOf(sources);
  const facts = await Promise.all(sources.map(async (source, index) => ({ ...(await runFacts(source)), name: names[index]! })));
  const runs = facts.length === 1 ? facts : ownNames(withoutTwins(facts));
  const comparisons = await comparisonsOf(runs, texts);
  const created =
    sources
      .flatMap((source) => source.created ?? [])
      .sort()
      .at(-1) ?? new Date().toISOString();
  const folders = sources.map(({ folder }) => folder).join(' ');
  return {
    title: title ?? (facts.length === 1 ? facts[0]!.name : names.join(', ')),
    created,
    runs,
    ...(comparisons.length > 0 ? { comparisons } : {}),
    ...(note === undefined ? {} : { note }),
    nextCommand: `npx chop report ${folders} --out report.html`,
  };
}

/** A run by the name of its recipe; where another has the same, by its folder. */
function namesOf(sources: readonly RunSource[]): string[] {
  const candidates = [({ name }: RunSource) => name, ({ folder }: RunSource) => basename(folder), ({ folder }: RunSource) => folder];
  const isOwn = (of: (source: RunSource) => string): boolean => new Set(sources.map(of)).size === sources.length;
  return sources.map(candidates.find(isOwn) ?? candidates.at(-1)!);
}

/** Without the models that an earlier run has measured too, to the same scores: runs of one model share their base. */
function withoutTwins(runs: readonly MeasuredRun[]): MeasuredRun[] {
  const seen = new Set<string>();
  return runs.map((run) => ({
    ...run,
    variants: run.variants.filter((variant) => {
      const key = scoresKey(run, variant);
      if (key === undefined) return true;
      const isNew = !seen.has(key);
      seen.add(key);
      return isNew;
    }),
  }));
}

/** Of an uncut, untrained model that was scored: which one, and its scores. Speed is another at every measurement. */
function scoresKey({ model }: RunFacts, { seconds, trainingTokens, parameters, perplexity, bitsPerByte, tasks }: VariantFacts): string | undefined {
  const isBase = seconds === 0 && trainingTokens === 0;
  return isBase ? JSON.stringify([model, parameters, perplexity, bitsPerByte, tasks]) : undefined;
}

/** The base by the model's name; of a run with one model left, that model by the run's; others by both. */
function ownNames(runs: readonly MeasuredRun[]): MeasuredRun[] {
  const taken = new Set<string>();
  return runs.map((run) => {
    const made = run.variants.filter(({ seconds }) => (seconds ?? 0) > 0).length;
    const variants = run.variants.map((variant) => {
      const isBase = (variant.seconds ?? 0) === 0;
      const whole = `${run.name}: ${variant.name}`;
      const wish = isBase ? shortModel(run.model) : made === 1 ? run.name : whole;
      const name = taken.has(wish) ? whole : wish;
      taken.add(name);
      return { ...variant, name };
    });
    const timed = run.timed?.map((each) => ({ ...each, name: timedName(each.name, run, variants) }));
    return { ...run, variants, ...(timed ? { timed } : {}) };
  });
}

/** A model that was timed by the name that it has among the variants; those that took turns have names of their own. */
function timedName(name: string, run: MeasuredRun, renamed: readonly VariantFacts[]): string {
  if (name === run.name || name.endsWith(run.name)) return name;
  const at = run.variants.findIndex((variant) => variant.name === name);
  return renamed[at]?.name ?? `${run.name}: ${name}`;
}

/** `hf:org/name@revision` is `name`, a path its last part. */
function shortModel(model: string): string {
  return basename(model.replace(/^hf:/, '').replace(/@[^/]*$/, ''));
}
