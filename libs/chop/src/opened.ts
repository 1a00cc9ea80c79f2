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
import { fingerprintOf, openCheckpoint } from '@chop/formats';
import { EMBEDDED_MODEL } from './embedded.js';
import { hubOptions } from './hub-data.js';
import { type Lineage, lineageOf } from './lineage.js';
import type { Common } from './request.js';

/** What a verb takes as a model: what a user calls it (a folder, a `.gguf` file, `hf:org/name`, `embedded`), or one that is open. */
export type ModelSource = string | OpenModel;

/** What an open model is made of. */
export interface OpenParts {
  readonly checkpoint: Checkpoint;
  readonly family: Family;
  readonly blueprint: Blueprint;
  /** How the model came to be, where its checkpoint does not tell. */
  readonly lineage?: Lineage;
  /** Files of the step that made the model: they are saved with it, and not with what is made from it. */
  readonly beside?: Checkpoint['companions'];
  /** What is to be closed with the model; by default its checkpoint. */
  readonly close?: () => Promise<void>;
}

/** An open model: its headers read and checked, its weights where they were: on disk, seen through a plan, or in memory after training. */
export class OpenModel {
  readonly checkpoint: Checkpoint;
  readonly family: Family;
  readonly blueprint: Blueprint;
  readonly beside: Checkpoint['companions'];
  readonly #lineage: Lineage | undefined;
  readonly #close: () => Promise<void>;
  #tokenizer: Promise<Tokenizer> | undefined;
  #fingerprint: Promise<string> | undefined;

  constructor({ checkpoint, family, blueprint, lineage, beside = new Map(), close = () => checkpoint.close() }: OpenParts) {
    this.checkpoint = checkpoint;
    this.family = family;
    this.blueprint = blueprint;
    this.beside = beside;
    this.#lineage = lineage;
    this.#close = close;
  }

  get source(): string {
    return this.checkpoint.source;
  }

  /** Bytes of the weights in the dtypes as which they are read. */
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
  async lineage(): Promise<Lineage> {
    return this.#lineage ?? lineageOf(this.checkpoint, this.blueprint.parameters);
  }

  /** Tells the model from others of the same sizes. */
  fingerprint(): Promise<string> {
    return (this.#fingerprint ??= fingerprintOf(this.checkpoint));
  }

  /** The model on the engine, all its weights in memory. */
  async load(signal?: AbortSignal): Promise<Model> {
    const model = this.family.model(this.blueprint);
    await model.load(this.checkpoint, undefined, signal);
    return model;
  }

  /** Closes the files. A model seen through a plan reads from the one that the plan was applied to, which stays open until it is closed itself. */
  close(): Promise<void> {
    return this.#close();
  }
}

/** Opens whatever a user calls a model, and checks its headers against its family's table. */
export async function openModel(parts: Parts, model: string, common: Pick<Common, 'signal' | 'onProgress'> = {}): Promise<OpenModel> {
  const raw = await openCheckpoint(model === 'embedded' ? EMBEDDED_MODEL : model, hubOptions(common));
  try {
    const checkpoint = await inFamilyNames(parts, raw);
    const family = familyOf(parts, checkpoint.config, checkpoint.source);
    const blueprint = family.blueprint(checkpoint.config);
    checkTensors(blueprint, checkpoint, family.ignores);
    return new OpenModel({ checkpoint: model === 'embedded' ? { ...own(checkpoint), source: 'embedded' } : checkpoint, family, blueprint });
  } catch (error) {
    await raw.close();
    throw error instanceof CheckpointError ? error.with({ file: raw.source, remedy: 'Fetch the model again, or mend its config.' }) : error;
  }
}

/** Works with a model. One that is named is opened for it, and its files closed however the work ends; one that is open stays so. */
export async function withModel<T>(
  parts: Parts,
  model: ModelSource,
  request: Pick<Common, 'signal' | 'onProgress'>,
  work: (opened: OpenModel) => Promise<T>,
): Promise<T> {
  if (typeof model !== 'string') return work(model);
  const opened = await openModel(parts, model, request);
  try {
    return await work(opened);
  } finally {
    await opened.close();
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

/** Bytes of all tensors in the dtypes as which they are read. */
export function storedBytes({ tensors }: Pick<Checkpoint, 'tensors'>): number {
  return [...tensors.values()].reduce((sum, info) => sum + byteLength(info), 0);
}
