import { cpus, platform, totalmem } from 'node:os';
import { join, relative } from 'node:path';
import { atomicFile } from '@chop/formats';
import { startEngine } from '@chop/kernels';
import { renderReport, type RunFacts, type VariantFacts } from '@chop/report';
import { readEvents } from '@chop/training';
import type { Chop } from './compose.js';
import type { Recipe } from './recipe.js';
import type { StepResult } from './run.js';

export interface ReportRequest {
  readonly out: string;
  readonly recipe: Recipe;
  readonly resolved: string;
  readonly steps: readonly StepResult[];
  readonly seed: number;
}

/** Writes the page of a run. */
export async function writeReport(chop: Chop, { out, recipe, resolved, steps, seed }: ReportRequest): Promise<void> {
  const events = await readEvents(join(out, 'events.jsonl'));
  const engine = await startEngine();
  let seconds = 0;
  const points = events.flatMap((event) =>
    event.type === 'step' ? [{ step: event.step, tokens: event.tokens, seconds: (seconds += event.seconds), loss: event.loss }] : [],
  );
  const kept = steps.find(({ keptLayers }) => keptLayers)?.keptLayers;
  const explanations = steps.flatMap(({ written }) => (written?.explanation ? [written.explanation] : []));
  const last = steps.at(-1)?.model ?? recipe.model;
  const facts: RunFacts = {
    title: recipe.name,
    model: recipe.model,
    created: new Date().toISOString(),
    seconds: steps.reduce((sum, step) => sum + step.seconds, 0),
    variants: steps.flatMap(({ evaluation }) => (evaluation ? [variant(evaluation)] : [])),
    curves: points.length > 0 ? [{ name: 'training loss', points }] : [],
    evaluations: events.flatMap((event) =>
      event.type === 'evaluation' ? Object.entries(event.scores).map(([name, value]) => ({ name, tokens: event.tokens, value })) : [],
    ),
    ...(explanations.length > 0 ? { plan: explanations[0]! } : {}),
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

function variant({ name, parameters, bytes, layers, perplexity, latency, sample }: NonNullable<StepResult['evaluation']>): VariantFacts {
  return {
    name,
    parameters,
    bytes,
    layers,
    ...(perplexity ? { perplexity: perplexity.value } : {}),
    ...(perplexity?.bitsPerByte === undefined ? {} : { bitsPerByte: perplexity.bitsPerByte }),
    ...(latency ? { prefillTokensPerSecond: latency.prefill.tokensPerSecond, decodeTokensPerSecond: latency.decode.tokensPerSecond } : {}),
    ...(sample ? { sample } : {}),
  };
}
