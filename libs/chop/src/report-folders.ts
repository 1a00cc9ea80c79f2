import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { DataError, UsageError } from '@chop/core';
import { parse } from 'yaml';
import { type ComparedVariant, type Comparison, COMPARISON_FILES } from './compare.js';
import { readRecord } from './record.js';
import type { RunSource } from './run-facts.js';

/**
 * The run folders that are meant: a comparison's folder (or its table) stands for those of its variants, in their order; what else lies in it is no run,
 * so that `chop report OUT/*` works.
 *
 * @throws {@link UsageError} `RUN_TWICE` for a folder that is named twice.
 */
export async function runFolders(given: readonly string[]): Promise<string[]> {
  checkTwice(given);
  const folders: string[] = [];
  for (const path of given) {
    const parent = dirname(resolve(path));
    const isPart = Object.values<string>(COMPARISON_FILES).includes(basename(path)) && (await readComparison(parent)) !== undefined;
    const comparison = await readComparison(isPart ? parent : path);
    const own = comparison ? comparison.variants.map(({ out }) => join(isPart ? dirname(path) : path, basename(out))) : [path];
    const places = folders.map((folder) => resolve(folder));
    folders.push(...own.filter((folder) => !places.includes(resolve(folder))));
  }
  return folders;
}

/**
 * A run as its folder tells of it, and as the comparison does that it may be a variant of.
 *
 * @throws {@link UsageError} `RUN_MISSING`; `DataError` `RUN_RECORD`
 */
export async function readRun(folder: string): Promise<RunSource> {
  const [record, recipe] = [await readRecord(folder), await readFile(join(folder, 'recipe.yaml'), 'utf8').catch(() => undefined)];
  if (!record || recipe === undefined)
    throw new UsageError('RUN_MISSING', {
      file: folder,
      found: (await stat(folder).catch(() => undefined)) ? `no ${record ? 'recipe.yaml' : 'results.json'} in it` : 'nothing of that name',
      expected: 'the folder of a run',
      remedy: 'Name a folder that chop run or chop compare has left, such as runs/quick-start.',
    });
  const { model } = parse(recipe) as { model?: unknown };
  const compared = await comparedAs(folder);
  return { ...record, folder, recipe, model: String(model ?? 'unknown'), ...(compared ? { compared } : {}) };
}

async function comparedAs(folder: string): Promise<ComparedVariant | undefined> {
  const comparison = await readComparison(dirname(resolve(folder)));
  return comparison?.variants.find(({ out }) => basename(out) === basename(resolve(folder)));
}

async function readComparison(folder: string): Promise<Comparison | undefined> {
  const file = join(folder, COMPARISON_FILES.table);
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const comparison = JSON.parse(text) as Comparison;
    if (Array.isArray(comparison.variants)) return comparison;
  } catch {
    // Told below.
  }
  throw new DataError('RUN_RECORD', { file, found: 'no comparison', expected: 'the table that chop compare writes', remedy: 'Compare again with --force.' });
}

function checkTwice(folders: readonly string[]): void {
  const places = folders.map((folder) => resolve(folder));
  const twice = folders.find((_, index) => places.indexOf(places[index]!) < index);
  if (twice !== undefined) throw new UsageError('RUN_TWICE', { found: `${twice} twice`, expected: 'every run once', remedy: 'Leave one of them away.' });
}
