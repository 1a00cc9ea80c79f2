import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { applyToModel, type Blueprint, DTYPE_BYTES, type Family, Mask, type Model, Plan, TrainingError, toFloat32, UsageError } from '@chop/core';
import { atomicFile, atomicFolder, openSafetensors, planTensors, readPlanTensors, removeFolder, type TensorSource, writeSafetensors } from '@chop/formats';
import * as tf from '@tensorflow/tfjs-core';

/** The version of snapshots; another one is refused. */
export const SNAPSHOT_VERSION = 1;

interface SnapshotDocument {
  readonly version: number;
  readonly step: number;
  /** What the run was started with: a run of other options cannot go on from here. */
  readonly run: Readonly<Record<string, unknown>>;
  readonly keep: Readonly<Record<string, readonly number[]>>;
  readonly latent: Readonly<Record<string, readonly number[]>>;
}

/** A training run as it was after a step. */
export interface Restored {
  readonly model: Model;
  readonly plan: Plan;
  readonly step: number;
}

/**
 * Snapshots of one run in a folder: weights, masks, moments, methods' state, the edits so far and the step; each renamed into place as a whole.
 * The place in the text and all random numbers are functions of the step and the seed.
 */
export class SnapshotStore {
  readonly folder: string;
  readonly #run: Readonly<Record<string, unknown>>;
  readonly #keep: number;
  latest: string | undefined;

  constructor(folder: string, run: Readonly<Record<string, unknown>>, keep: number) {
    this.folder = folder;
    this.#run = run;
    this.#keep = keep;
  }

  async save(model: Model, plan: Plan, step: number): Promise<string> {
    const folder = await this.#write(STEP, model, plan, step);
    this.latest = folder;
    for (const old of (await list(this.folder, STEP)).slice(0, -this.#keep)) await removeFolder(join(this.folder, old));
    // From here the run goes on, if it is killed: the best before the best is of no use any more.
    const bests = (await list(this.folder, BEST)).filter((name) => name <= nameOf(BEST, step));
    for (const old of bests.slice(0, -1)) await removeFolder(join(this.folder, old));
    return folder;
  }

  /** Keeps the model as the best so far, until there is a better one. */
  saveBest(model: Model, plan: Plan, step: number): Promise<string> {
    return this.#write(BEST, model, plan, step);
  }

  /** The model of {@link saveBest} after that step. */
  best(family: Family, opened: Blueprint, step: number): Promise<Restored> {
    return this.#read(nameOf(BEST, step), family, opened, Object.keys(this.#run));
  }

  async #write(kind: Kind, model: Model, plan: Plan, step: number): Promise<string> {
    const folder = join(this.folder, nameOf(kind, step));
    const document: SnapshotDocument = {
      version: SNAPSHOT_VERSION,
      step,
      run: this.#run,
      keep: Object.fromEntries([...plan.keeps].map(([key, indices]) => [key, [...indices]])),
      latent: Object.fromEntries([...model.latent].map(([key, indices]) => [key, Array.from(indices)])),
    };
    await atomicFolder(
      folder,
      {
        force: true,
        objection: async (existing) => (dirname(existing) === this.folder || basename(existing).startsWith(`${kind}-`) ? undefined : 'it is no snapshot'),
      },
      async (temporary) => {
        await writeSafetensors(join(temporary, 'state.safetensors'), [...stateTensors(model), ...planTensors(plan)]);
        await atomicFile(join(temporary, 'state.json'), JSON.stringify(document));
      },
    );
    return folder;
  }

  /**
   * The last snapshot as a live model, or `undefined` when there is none.
   *
   * @param mayDiffer - facts of the run that may be others than it was started with.
   * @throws {@link UsageError} `RESUME_OTHER_RUN` when the run was started with other options.
   */
  async restore(family: Family, opened: Blueprint, mayDiffer: readonly string[] = []): Promise<Restored | undefined> {
    const last = (await list(this.folder, STEP)).at(-1);
    if (last === undefined) return undefined;
    const restored = await this.#read(last, family, opened, mayDiffer);
    this.latest = join(this.folder, last);
    return restored;
  }

  async #read(name: string, family: Family, opened: Blueprint, mayDiffer: readonly string[] = []): Promise<Restored> {
    const folder = join(this.folder, name);
    const document = JSON.parse(await readFile(join(folder, 'state.json'), 'utf8')) as SnapshotDocument;
    if (document.version !== SNAPSHOT_VERSION)
      throw new TrainingError('SNAPSHOT_VERSION', {
        file: folder,
        found: `version ${document.version}`,
        expected: `version ${SNAPSHOT_VERSION}`,
        remedy: 'Start the run again with --force.',
      });
    checkRun(folder, document.run, this.#run, mayDiffer);
    const state = await openSafetensors(join(folder, 'state.safetensors'));
    try {
      const plan = await readPlanTensors(opened, new Map(Object.entries(document.keep)), state);
      const model = family.model(plan.after);
      for (const weight of plan.after.weights.values()) model.put(weight.name, await floats(state, `weight/${weight.name}`));
      const masks = new Map<string, Mask>();
      for (const { name, shape } of state.tensors.values()) {
        const [, kind, rest] = /^(slot|frozen)\/(.+)$/.exec(name) ?? [];
        if (kind === 'slot') await restoreSlot(model, rest!, await floats(state, name));
        if (kind === 'frozen') masks.set(rest!, Mask.from(shape, await bytesOf(state, name)));
      }
      // Values are zero where frozen masks are, so that putting the masks back changes no bit.
      if (masks.size > 0) applyToModel(model, Plan.of(model.blueprint, { masks }));
      for (const [key, left] of Object.entries(document.latent)) model.setLatent(key, left);
      return { model, plan, step: document.step };
    } finally {
      await state.close();
    }
  }

  /** Removes all snapshots of the run. */
  async clear(): Promise<void> {
    await removeFolder(this.folder);
  }
}

function* stateTensors(model: Model): Generator<TensorSource> {
  const source = (name: string, variable: tf.Variable): TensorSource => ({
    name,
    shape: variable.shape,
    dtype: 'F32',
    async *pieces() {
      const values = await variable.data();
      yield new Uint8Array(values.buffer, values.byteOffset, variable.size * DTYPE_BYTES.F32);
    },
  });
  for (const name of model.names) {
    const { value, slots, mask } = model.entry(name);
    yield source(`weight/${name}`, value);
    for (const [slot, variable] of slots) yield source(`slot/${slot}/${name}`, variable);
    if (!mask) continue;
    const { bits } = mask;
    yield {
      name: `frozen/${name}`,
      shape: bits.shape,
      dtype: 'U8',
      async *pieces() {
        yield bits.unpack();
      },
    };
  }
}

type State = Awaited<ReturnType<typeof openSafetensors>>;

async function bytesOf(state: State, name: string): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of state.stream(name)) pieces.push(Uint8Array.from(piece));
  return new Uint8Array(Buffer.concat(pieces));
}

async function floats(state: State, name: string): Promise<Float32Array> {
  return toFloat32(await bytesOf(state, name), 'F32');
}

async function restoreSlot(model: Model, slotAndWeight: string, values: Float32Array): Promise<void> {
  const [slot, weight] = [slotAndWeight.slice(0, slotAndWeight.indexOf('/')), slotAndWeight.slice(slotAndWeight.indexOf('/') + 1)];
  const { slots, value } = model.entry(weight);
  slots.set(
    slot,
    tf.tidy(() => tf.variable(tf.tensor(values, value.shape), false)),
  );
}

/** A snapshot to go on from, and the one with the best score. */
const [STEP, BEST] = ['step', 'best'] as const;
type Kind = typeof STEP | typeof BEST;

function nameOf(kind: Kind, step: number): string {
  return `${kind}-${String(step).padStart(8, '0')}`;
}

/** Snapshots of a kind, the earliest first. */
async function list(folder: string, kind: Kind): Promise<string[]> {
  const entries = await readdir(folder).catch(() => []);
  return entries.filter((name) => new RegExp(`^${kind}-\\d+$`).test(name)).sort();
}

function checkRun(folder: string, before: Readonly<Record<string, unknown>>, now: Readonly<Record<string, unknown>>, mayDiffer: readonly string[]): void {
  for (const key of new Set([...Object.keys(before), ...Object.keys(now)])) {
    const [was, is] = [JSON.stringify(before[key]), JSON.stringify(now[key])];
    if (was === is || mayDiffer.includes(key)) continue;
    throw new UsageError('RESUME_OTHER_RUN', {
      file: folder,
      found: `${key} ${is}`,
      expected: `${was}, with which the run was started`,
      remedy: 'Resume with the same options, or start again with --force.',
    });
  }
}
