import { readFile } from 'node:fs/promises';
import { cpus, platform, totalmem } from 'node:os';
import { join } from 'node:path';
import { DataError } from '@chop/core';
import { atomicFile } from '@chop/formats';
import type { Engine } from '@chop/kernels';
import type { Machine } from '@chop/report';
import { z } from 'zod';
import type { StepResult } from './run.js';

const RESULTS = 'results.json';

/** What a run has come to: `results.json` of its folder. Folders of the first version have name and steps only. */
export interface RunRecord {
  readonly name: string;
  /** When the run began, ISO 8601. */
  readonly created?: string;
  readonly seed?: number;
  /** On which the last step that computed something has run. */
  readonly machine?: Machine;
  /** Of the packages whose methods, families and evaluators were there. */
  readonly versions?: Readonly<Record<string, string>>;
  readonly steps: readonly StepResult[];
}

/** What every version of the file has; steps are as the run that wrote them made them. */
const recordSchema = z.looseObject({
  name: z.string(),
  steps: z.array(z.looseObject({ step: z.int(), kind: z.string(), model: z.string(), seconds: z.number() })),
});

export function writeRecord(out: string, record: RunRecord): Promise<void> {
  return atomicFile(join(out, RESULTS), `${JSON.stringify(record, undefined, 1)}\n`);
}

/**
 * The record of a run folder; undefined where there is none yet.
 *
 * @throws {@link DataError} `RUN_RECORD` for one that chop did not write.
 */
export async function readRecord(out: string): Promise<RunRecord | undefined> {
  const file = join(out, RESULTS);
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const broken = (found: string): DataError =>
    new DataError('RUN_RECORD', { file, found, expected: 'the results of a run, as chop run writes them', remedy: 'Run the recipe again with --force.' });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw broken(`text that is no JSON (${(error as Error).message})`);
  }
  const parsed = recordSchema.safeParse(json);
  if (!parsed.success) {
    const [{ path, message }] = parsed.error.issues as [z.core.$ZodIssue];
    throw broken(`${path.length === 0 ? 'the file' : path.join('.')}: ${message}`);
  }
  return json as RunRecord;
}

/** This machine, as far as it decides how fast a number comes. */
export function machineOf({ name, version, threads }: Engine): Machine {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    threads,
    memoryBytes: totalmem(),
    engine: `${name} (${version})`,
    node: process.version,
    platform: `${platform()} ${process.arch}`,
  };
}
