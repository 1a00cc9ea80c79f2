import { mkdtempSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach } from '@jest/globals';
import { type Expected, expectRefusal, type ToldError } from './refusal.js';
import { writeTinyModel } from './tiny-model.js';

/** Where a user works. */
export interface Project {
  /** What all tests of a file share. */
  readonly base: string;
  /** A tiny model in it. */
  readonly model: string;
  /** The project itself: empty when a test begins. */
  readonly folder: string;
  /** A free place in it. */
  readonly out: string;
  /** Runs a command that must be refused and leave the project as it was. */
  readonly refuse: (words: readonly string[], expected: Expected) => Promise<ToldError>;
}

/** A model for all tests of a file, and an empty project for each of them. */
export function emptyProject(): Project {
  const base = mkdtempSync(join(tmpdir(), 'chop-cli-'));
  const [model, folder] = [join(base, 'model'), join(base, 'project')];
  beforeAll(async () => void (await writeTinyModel(model)));
  afterAll(() => rm(base, { recursive: true }));
  beforeEach(() => mkdir(folder));
  afterEach(() => rm(folder, { recursive: true }));
  return { base, model, folder, out: join(folder, 'out'), refuse: (words, expected) => expectRefusal(words, folder, expected) };
}
