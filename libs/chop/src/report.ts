import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { throwIfAborted, UsageError } from '@chop/core';
import { atomicFile, checkFreeFile } from '@chop/formats';
import { renderModelCard, renderReport } from '@chop/report';
import { parse } from 'yaml';
import { comparedFacts } from './compared-runs.js';
import { readRecord } from './record.js';
import type { RunSource } from './run-facts.js';
import type { Common } from './request.js';

/** How runs are reported. */
export interface ReportRequest extends Pick<Common, 'signal'> {
  /** The page. */
  readonly out: string;
  /** Where a section for a model card is written, in Markdown. */
  readonly modelCard?: string;
  readonly title?: string;
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
 * @param folders - run folders, as `chop run` leaves them, whole or on their way.
 * @throws {@link UsageError} `REPORT_NOTHING`, `RUN_MISSING`, `RUN_TWICE`, `OUTPUT_EXISTS`
 * @throws `DataError` `RUN_RECORD`
 */
export async function report(folders: readonly string[], { out, modelCard, title, force = false, signal }: ReportRequest): Promise<ReportResult> {
  if (folders.length === 0)
    throw new UsageError('REPORT_NOTHING', { found: 'no run', expected: 'run folders', remedy: 'Name the folders that chop run has left: chop report runs/*' });
  checkTwice(folders);
  for (const file of [out, ...(modelCard === undefined ? [] : [modelCard])]) await checkPlace(file, force);
  const sources: RunSource[] = [];
  for (const folder of folders) {
    throwIfAborted(signal);
    sources.push(await readRun(folder));
  }
  const facts = await comparedFacts(sources, title);
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

async function readRun(folder: string): Promise<RunSource> {
  const [record, recipe] = [await readRecord(folder), await readFile(join(folder, 'recipe.yaml'), 'utf8').catch(() => undefined)];
  if (!record || recipe === undefined)
    throw new UsageError('RUN_MISSING', {
      file: folder,
      found: (await stat(folder).catch(() => undefined)) ? `no ${record ? 'recipe.yaml' : 'results.json'} in it` : 'nothing of that name',
      expected: 'the folder of a run',
      remedy: 'Name a folder that chop run has left, such as runs/quick-start.',
    });
  const { model } = parse(recipe) as { model?: unknown };
  return { ...record, folder, recipe, model: String(model ?? 'unknown') };
}

function checkTwice(folders: readonly string[]): void {
  const places = folders.map((folder) => resolve(folder));
  const twice = folders.find((_, index) => places.indexOf(places[index]!) < index);
  if (twice !== undefined) throw new UsageError('RUN_TWICE', { found: `${twice} twice`, expected: 'every run once', remedy: 'Leave one of them away.' });
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
