import { join } from 'node:path';
import { atomicFile } from '@chop/formats';
import { startEngine } from '@chop/kernels';
import type { Chop } from './compose.js';
import type { Recipe } from './recipe.js';
import { comparisonsOf } from './paired-runs.js';
import { machineOf } from './record.js';
import type { StepResult } from './run.js';
import { runFacts } from './run-facts.js';

/** What the page of a run is made from. */
export interface RunPage {
  readonly out: string;
  readonly recipe: Recipe;
  readonly resolved: string;
  readonly steps: readonly StepResult[];
  readonly seed: number;
}

/** Writes the page of a run. */
export async function writeReport(chop: Chop, { out, recipe, resolved, steps, seed }: RunPage): Promise<void> {
  const { name, model } = recipe;
  const run = await runFacts({ folder: out, name, model, recipe: resolved, seed, machine: machineOf(await startEngine()), versions: chop.versions(), steps });
  const comparisons = await comparisonsOf([run]);
  const last = steps.at(-1)?.model ?? model;
  const { renderReport } = await import('@chop/report'); // charts, the larger half of all modules
  const html = renderReport({
    title: name,
    created: new Date().toISOString(),
    runs: [run],
    ...(comparisons.length > 0 ? { comparisons } : {}),
    nextCommand: `npx chop eval ${last} --perplexity DATA`,
  });
  await atomicFile(join(out, 'report.html'), html);
}
