import { stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { throwIfAborted, UsageError } from '@chop/core';
import { atomicFile, checkFreeFile } from '@chop/formats';
import { comparedFacts, type PageWords } from './compared-runs.js';
import { readRun, runFolders } from './report-folders.js';
import type { RunSource } from './run-facts.js';
import type { Common } from './request.js';

/** How runs are reported. */
export interface ReportRequest extends Pick<Common, 'signal'>, PageWords {
  /** The page. */
  readonly out: string;
  /** Where a section for a model card is written, in Markdown. */
  readonly modelCard?: string;
  readonly force?: boolean;
}

/** A report that was written. */
export interface ReportResult {
  readonly out: string;
  /** Of the page. */
  readonly bytes: number;
  readonly runs: readonly { readonly name: string; readonly folder: string; readonly models: readonly string[] }[];
  readonly modelCard?: string;
}

/**
 * One page on any runs: their models side by side.
 *
 * @param given - run folders, as `chop run` leaves them, whole or on their way; that of a comparison stands for its variants.
 * @throws {@link UsageError} `REPORT_NOTHING`, `RUN_MISSING`, `RUN_TWICE`, `OUTPUT_EXISTS`
 * @throws `DataError` `RUN_RECORD`
 */
export async function report(given: readonly string[], { out, modelCard, force = false, signal, ...words }: ReportRequest): Promise<ReportResult> {
  if (given.length === 0)
    throw new UsageError('REPORT_NOTHING', { found: 'no run', expected: 'run folders', remedy: 'Name the folders that chop run has left: chop report runs/*' });
  const folders = await runFolders(given);
  for (const file of [out, ...(modelCard === undefined ? [] : [modelCard])]) await checkPlace(file, force);
  const sources: RunSource[] = [];
  for (const folder of folders) {
    throwIfAborted(signal);
    sources.push(await readRun(folder));
  }
  const facts = await comparedFacts(sources, words);
  const { renderModelCard, renderReport } = await import('@chop/report'); // charts, the larger half of all modules
  const html = renderReport(facts);
  await atomicFile(out, html);
  if (modelCard !== undefined) await atomicFile(modelCard, renderModelCard(facts));
  return {
    out,
    bytes: Buffer.byteLength(html),
    runs: facts.runs.map(({ name, variants }, index) => ({ name, folder: folders[index]!, models: variants.map((variant) => variant.name) })),
    ...(modelCard === undefined ? {} : { modelCard }),
  };
}

async function checkPlace(file: string, force: boolean): Promise<void> {
  await checkFreeFile(file, { force });
  if (!(await stat(dirname(file)).catch(() => undefined)))
    throw new UsageError('OUTPUT_MISSING', {
      file,
      found: `no folder ${dirname(file)}`,
      expected: 'a file in a folder that is there',
      remedy: `Make it first: mkdir -p ${basename(dirname(file))}`,
    });
}
