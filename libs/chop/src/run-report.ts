import { cpus, platform, totalmem } from 'node:os';
import { join, relative } from 'node:path';
import { atomicFile } from '@chop/formats';
import { startEngine } from '@chop/kernels';
import { renderReport, type RunFacts, type VariantFacts } from '@chop/report';
import { readEvents } from '@chop/training';
import type { Chop } from './compose.js';
import type { Recipe } from './recipe.js';
import type { StepResult } from './run.js';

/** What a plan says that changes nothing. */
const NOTHING = 'nothing changes';

export interface ReportRequest {
  readonly out: string;
  readonly recipe: Recipe;
  readonly resolved: string;
  readonly steps: readonly StepResult[];
  readonly seed: number;
}

/** Writes the page of a run. */
export async function writeReport(chop: Chop, { out, recipe, resolved, steps, seed }: ReportRequest): Promise<void> {
  const { curves, evaluations } = await trainingFacts(steps);
  const engine = await startEngine();
  const kept = steps.find(({ keptLayers }) => keptLayers)?.keptLayers;
  const explanations = steps.flatMap(({ explanation }) => (explanation && explanation !== NOTHING ? [explanation] : []));
  const last = steps.at(-1)?.model ?? recipe.model;
  const facts: RunFacts = {
    title: recipe.name,
    model: recipe.model,
    created: new Date().toISOString(),
    seconds: steps.reduce((sum, step) => sum + step.seconds, 0),
    variants: steps.flatMap(({ evaluation }) => (evaluation ? [variant(evaluation)] : [])),
    curves,
    evaluations,
    ...(explanations.length > 0 ? { plan: explanations.join(', then ') } : {}),
    ...(kept ? { keptLayers: { total: kept.total, kept: [...kept.kept] } } : {}),
    recipe: resolved,
    machine: {
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      threads: engine.threads,
      memoryBytes: totalmem(),
      engine: `${engine.name} (${engine.version})`,
      node: process.version,
      platform: `${platform()} ${process.arch}`,
    },
    seeds: { run: seed },
    versions: Object.fromEntries(chop.plugins().map(({ package: name, version }) => [name, version])),
    outputs: steps.flatMap(({ written, kind }) => (written ? [{ label: kind, path: relative(out, written.out) || written.out }] : [])),
    nextCommand: `npx chop eval ${last} --perplexity DATA`,
  };
  await atomicFile(join(out, 'report.html'), renderReport(facts));
}

/** The curve of each training step; a later one goes on where the one before ended. */
async function trainingFacts(steps: readonly StepResult[]): Promise<Pick<RunFacts, 'curves' | 'evaluations'>> {
  const curves: RunFacts['curves'][number][] = [];
  const evaluations: RunFacts['evaluations'][number][] = [];
  let before = { tokens: 0, seconds: 0 };
  for (const { model } of steps.filter(({ kind }) => kind === 'train')) {
    let { seconds } = before;
    const points: RunFacts['curves'][number]['points'][number][] = [];
    for (const event of await readEvents(join(model, 'training.jsonl'))) {
      const tokens = before.tokens + ('tokens' in event ? event.tokens : 0);
      if (event.type === 'step') points.push({ step: event.step, tokens, seconds: (seconds += event.seconds), loss: event.loss });
      if (event.type === 'evaluation') evaluations.push(...Object.entries(event.scores).map(([name, value]) => ({ name, tokens, value })));
    }
    curves.push({ name: curves.length === 0 ? 'training loss' : `training loss ${curves.length + 1}`, points });
    before = { tokens: points.at(-1)?.tokens ?? before.tokens, seconds };
  }
  return { curves, evaluations };
}

function variant({ name, parameters, bytes, layers, perplexity, latency, sample }: NonNullable<StepResult['evaluation']>): VariantFacts {
  return {
    name,
    parameters,
    bytes,
    layers,
    ...(perplexity ? { perplexity: perplexity.value } : {}),
    ...(perplexity?.bitsPerByte === undefined ? {} : { bitsPerByte: perplexity.bitsPerByte }),
    ...(latency ? { prefillTokensPerSecond: latency.prefill.tokensPerSecond, decodeTokensPerSecond: latency.decode.tokensPerSecond } : {}),
    ...(sample ? { sample: { ...sample, text: sample.text.slice(sample.prompt.length) } } : {}),
  };
}
