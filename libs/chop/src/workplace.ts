import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type Blueprint, type Checkpoint, type Family, UsageError } from '@chop/core';
import { checkModelOutput, removeFolder } from '@chop/formats';
import { type Restored, SnapshotStore, type TrainingEvent, TrainingLog } from '@chop/training';
import type { TrainRequest } from './verbs.js';

/** The companion that tells how a model was trained. */
const LOG = 'training.jsonl';

/** With `force`, a run may go on with others of these: what tames one whose loss ran away. */
const STEERING = ['lr', 'clip'];

/** What of a request says where a run writes, and whether it may. */
type Place = Pick<TrainRequest, 'out' | 'force' | 'resume'>;

/** Where a run keeps its log and snapshots until its model is written. */
export class Workplace {
  readonly folder: string;
  readonly snapshots: SnapshotStore;
  readonly #request: Place;

  constructor(out: string, facts: Readonly<Record<string, unknown>>, keep: number, request: Place) {
    this.folder = workFolder(out);
    this.snapshots = new SnapshotStore(join(this.folder, 'snapshots'), facts, keep);
    this.#request = request;
  }

  /** The last snapshot, when the run is to go on; else whatever an earlier run left is put away. */
  async restore(family: Family, blueprint: Blueprint): Promise<Restored | undefined> {
    const { resume, force } = this.#request;
    const resumed = resume ? await this.snapshots.restore(family, blueprint, force ? STEERING : []) : undefined;
    if (!resumed) await removeFolder(this.folder);
    return resumed;
  }

  /** Begins the log, or goes on with it after a step. */
  async openLog(step: number): Promise<TrainingLog> {
    return TrainingLog.open(join(this.folder, 'events.jsonl'), step);
  }

  /** When the model is written: the snapshots have done their service. */
  clear(): Promise<void> {
    return removeFolder(this.folder);
  }
}

/** The log of a run as a file beside its model. */
export function logBeside(events: readonly TrainingEvent[]): Checkpoint['companions'] {
  const text = events.map((event) => `${JSON.stringify(event)}\n`).join('');
  return new Map([[LOG, async () => new TextEncoder().encode(text)]]);
}

/** An existing output needs --force, an unfinished run --resume or --force: nothing is lost by accident. */
export async function checkOutput({ out, force = false, resume = false }: Place): Promise<void> {
  if (out === undefined) {
    if (!resume) return;
    throw new UsageError('OPTION_MISSING', { found: 'resume without out', expected: 'out: the folder beside which the run has kept its snapshots' });
  }
  const exists = async (path: string): Promise<boolean> => (await stat(path).catch(() => undefined)) !== undefined;
  await checkModelOutput(out, { force: force || (resume && (await isResultOf(out, workFolder(out)))) });
  if (!force && !resume && (await exists(join(workFolder(out), 'snapshots')))) {
    throw new UsageError('TRAIN_UNFINISHED', {
      file: workFolder(out),
      found: 'an unfinished run',
      expected: 'none',
      remedy: 'Go on with --resume, or start again with --force.',
    });
  }
}

function workFolder(out: string): string {
  return join(dirname(out), `${basename(out)}.training`);
}

/** A run that was killed after it had written its model, and before it had put its snapshots away. */
async function isResultOf(out: string, work: string): Promise<boolean> {
  const [result, log] = await Promise.all([join(out, LOG), join(work, 'events.jsonl')].map((file) => readFile(file).catch(() => undefined)));
  return result !== undefined && log !== undefined && result.equals(log);
}
