import {
  byteLength,
  type Blueprint,
  type Checkpoint,
  CheckpointError,
  checkTensors,
  type Dtype,
  type Family,
  familyOf,
  inFamilyNames,
  type Model,
  type Parts,
} from '@chop/core';
import { Tokenizer } from '@chop/data';
import { openCheckpoint } from '@chop/formats';
import { EMBEDDED_MODEL } from './embedded.js';
import { type Lineage, lineageOf } from './lineage.js';
import type { Common } from './verbs.js';

/** A model that was opened: its headers read and checked, its weights still on disk. */
export class OpenModel {
  readonly checkpoint: Checkpoint;
  readonly family: Family;
  readonly blueprint: Blueprint;
  #tokenizer: Promise<Tokenizer> | undefined;

  constructor(checkpoint: Checkpoint, family: Family, blueprint: Blueprint) {
    this.checkpoint = checkpoint;
    this.family = family;
    this.blueprint = blueprint;
  }

  get source(): string {
    return this.checkpoint.source;
  }

  /** Bytes of the weights as stored. */
  get bytes(): number {
    return storedBytes(this.checkpoint);
  }

  /** The dtype of most of the weights' bytes. */
  get dtype(): Dtype {
    const bytes = new Map<Dtype, number>();
    for (const info of this.checkpoint.tensors.values()) bytes.set(info.dtype, (bytes.get(info.dtype) ?? 0) + byteLength(info));
    return [...bytes].sort((a, b) => b[1] - a[1])[0]![0];
  }

  tokenizer(): Promise<Tokenizer> {
    return (this.#tokenizer ??= Tokenizer.open(this.checkpoint));
  }

  /** Where the model comes from. */
  lineage(): Promise<Lineage> {
    return lineageOf(this.checkpoint, this.blueprint.parameters);
  }

  /** The model on the engine, all its weights in memory. */
  async load(signal?: AbortSignal): Promise<Model> {
    const model = this.family.model(this.blueprint);
    await model.load(this.checkpoint, undefined, signal);
    return model;
  }
}

/** Opens whatever a user calls a model, and checks its headers against its family's table. */
export async function openModel(parts: Parts, model: string, { signal, onProgress }: Pick<Common, 'signal' | 'onProgress'> = {}): Promise<OpenModel> {
  const raw = await openCheckpoint(model === 'embedded' ? EMBEDDED_MODEL : model, {
    ...(signal ? { signal } : {}),
    onProgress: ({ file, bytes, totalBytes }) =>
      onProgress?.({ phase: `download ${file}`, done: bytes, ...(totalBytes === undefined ? {} : { total: totalBytes }) }),
  });
  try {
    const checkpoint = await inFamilyNames(parts, raw);
    const family = familyOf(parts, checkpoint.config, checkpoint.source);
    const blueprint = family.blueprint(checkpoint.config);
    checkTensors(blueprint, checkpoint, family.ignores);
    return new OpenModel(model === 'embedded' ? { ...own(checkpoint), source: 'embedded' } : checkpoint, family, blueprint);
  } catch (error) {
    await raw.close();
    throw error instanceof CheckpointError ? error.with({ file: raw.source, remedy: 'Fetch the model again, or mend its config.' }) : error;
  }
}

/** Opens a model, works with it, and closes its files however the work ends. */
export async function withModel<T>(
  parts: Parts,
  model: string,
  request: Pick<Common, 'signal' | 'onProgress'>,
  work: (opened: OpenModel) => Promise<T>,
): Promise<T> {
  const opened = await openModel(parts, model, request);
  try {
    return await work(opened);
  } finally {
    await opened.checkpoint.close();
  }
}

function own(checkpoint: Checkpoint): Checkpoint {
  const { config, tensors, companions } = checkpoint;
  return {
    source: checkpoint.source,
    config,
    tensors,
    companions,
    stream: (name, from, to) => checkpoint.stream(name, from, to),
    close: () => checkpoint.close(),
  };
}

/** Bytes of all tensors as stored. */
export function storedBytes({ tensors }: Pick<Checkpoint, 'tensors'>): number {
  return [...tensors.values()].reduce((sum, info) => sum + byteLength(info), 0);
}
