import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type Blueprint, type Checkpoint, type Dtype, elementCount, Mask, nearest, Plan, PlanError, toFloat32 } from '@chop/core';
import { atomicFile } from './atomic.js';
import { checkFileName } from './names.js';
import { openSafetensors, type TensorSource, writeSafetensors } from './safetensors.js';

/** The version of plan files; another one is refused. */
export const PLAN_VERSION = 1;

/** A plan as `plan.json` has it. Masks and values lie in the safetensors file beside it. */
export interface PlanDocument {
  readonly format: 'chop-plan';
  readonly version: number;
  /** How the plan was made: strategy, options, seed … */
  readonly made: Readonly<Record<string, unknown>>;
  /** The model that it is for. */
  readonly model: { readonly family: string; readonly axes: Readonly<Record<string, number>> };
  /** By axis (`layer`, `width`, `layers.3.ffn`): the indices that stay, of the model before. */
  readonly keep: Readonly<Record<string, readonly number[]>>;
  /** Under the names of the model after. */
  readonly masks: readonly { readonly weight: string; readonly kept: number; readonly total: number }[];
  readonly replaces: readonly string[];
  readonly explanation: string;
  readonly tensors?: string;
}

/** The JSON of a plan file. `made`: how the plan came to be; `tensors`: the name of the side file. */
export function planDocument(plan: Plan, made: Record<string, unknown>, tensors?: string): PlanDocument {
  return {
    format: 'chop-plan',
    version: PLAN_VERSION,
    made,
    model: { family: plan.before.family.name, axes: Object.fromEntries(plan.before.axes.entries()) },
    keep: Object.fromEntries([...plan.keeps].map(([key, indices]) => [key, [...indices]])),
    masks: [...plan.masks].map(([weight, mask]) => ({ weight, kept: mask.kept, total: mask.total })),
    replaces: [...plan.replacements.keys()],
    explanation: plan.explain(),
    ...(tensors ? { tensors } : {}),
  };
}

/** Writes `plan.json`, and beside it `plan.safetensors` when there are masks or new values. Returns the files written. */
export async function savePlan(file: string, plan: Plan, made: Record<string, unknown>): Promise<string[]> {
  const sources = planTensors(plan);
  const side = join(dirname(file), `${basename(file).replace(/\.json$/, '')}.safetensors`);
  if (sources.length > 0) await writeSafetensors(side, sources, { metadata: { format: 'chop-plan' } });
  await atomicFile(file, `${JSON.stringify(planDocument(plan, made, sources.length > 0 ? basename(side) : undefined), undefined, 1)}\n`);
  return sources.length > 0 ? [file, side] : [file];
}

/**
 * Reads a plan for `model`.
 *
 * @throws {@link PlanError} `PLAN_FILE` for a broken file, `PLAN_VERSION`, `PLAN_OTHER_MODEL` when it was made for a model of other sizes.
 */
export async function loadPlan(file: string, model: Blueprint): Promise<Plan> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => Promise.reject(noPlan(file, 'no readable file', cause)));
  const document = parse(file, text);
  checkModel(file, document, model);
  try {
    return await readPlan(file, document, model);
  } catch (error) {
    throw error instanceof PlanError ? error.with({ file }) : error;
  }
}

async function readPlan(file: string, document: PlanDocument, model: Blueprint): Promise<Plan> {
  const keeps = new Map(Object.entries(document.keep));
  if (document.tensors === undefined) return Plan.of(model, { keeps });
  checkFileName(document.tensors, file);
  const side = await openSafetensors(join(dirname(file), document.tensors));
  try {
    return await readPlanTensors(model, keeps, side);
  } finally {
    await side.close();
  }
}

function noPlan(file: string, found: string, cause?: unknown): PlanError {
  const expected = 'a plan written by chop plan';
  return new PlanError('PLAN_FILE', { file, found, expected, remedy: 'Make it: chop plan STRATEGY MODEL -o FILE.', ...(cause === undefined ? {} : { cause }) });
}

/** A plan's masks (packed bits) and values as tensors to be written: `mask/NAME`, `replace/NAME`. */
export function planTensors(plan: Plan): TensorSource[] {
  const source = (name: string, shape: readonly number[], dtype: Dtype, bytes: Uint8Array): TensorSource => ({
    name,
    shape,
    dtype,
    async *pieces() {
      yield bytes;
    },
  });
  return [
    ...[...plan.replacements].map(([name, values]) =>
      source(`replace/${name}`, plan.after.weight(name).shape, 'F32', new Uint8Array(values.buffer, values.byteOffset, values.byteLength)),
    ),
    ...[...plan.masks].map(([name, mask]) => source(`mask/${name}`, [mask.bits.length], 'U8', mask.bits)),
  ];
}

/** The plan that keeps and side tensors make up. */
export async function readPlanTensors(
  model: Blueprint,
  keeps: ReadonlyMap<string, readonly number[]>,
  side: Pick<Checkpoint, 'tensors' | 'stream'>,
): Promise<Plan> {
  const { after } = Plan.of(model, { keeps });
  const masks = new Map<string, Mask>();
  const replacements = new Map<string, Float32Array>();
  for (const { name, dtype } of side.tensors.values()) {
    const [, kind, weight] = /^(mask|replace)\/(.+)$/.exec(name) ?? [];
    if (kind === undefined || weight === undefined) continue;
    const { shape } = after.weight(weight);
    const pieces: Uint8Array[] = [];
    for await (const piece of side.stream(name)) pieces.push(Uint8Array.from(piece));
    const bytes = new Uint8Array(Buffer.concat(pieces));
    if (kind === 'replace') replacements.set(weight, toFloat32(bytes, dtype));
    else if (bytes.length === Math.ceil(elementCount(shape) / 8)) masks.set(weight, new Mask(shape, bytes));
    else
      throw new PlanError('PLAN_SHAPE', {
        found: `${bytes.length} bytes of mask for ${weight}`,
        expected: `${Math.ceil(elementCount(shape) / 8)} for [${shape.join(', ')}]`,
      });
  }
  return Plan.of(model, { keeps, masks, replacements });
}

function parse(file: string, text: string): PlanDocument {
  let document: PlanDocument;
  try {
    document = JSON.parse(text) as PlanDocument;
  } catch (cause) {
    throw noPlan(file, 'text that is no JSON', cause);
  }
  if (document?.format !== 'chop-plan')
    throw noPlan(file, document?.format === undefined ? 'JSON that is no plan' : `JSON of the format ${JSON.stringify(document.format)}`);
  if (document.version !== PLAN_VERSION)
    throw new PlanError('PLAN_VERSION', {
      file,
      found: `version ${document.version}`,
      expected: `version ${PLAN_VERSION}`,
      remedy: 'Make the plan again with this chop.',
    });
  const isKeep = (value: unknown): boolean => Array.isArray(value) && value.every((index) => Number.isInteger(index));
  if (
    !document.model?.axes ||
    typeof document.model.axes !== 'object' ||
    document.keep === null ||
    typeof document.keep !== 'object' ||
    !Object.values(document.keep).every(isKeep)
  ) {
    throw noPlan(file, 'a plan without its model, or with keeps that are no lists of whole numbers');
  }
  return document;
}

function checkModel(file: string, { model: { family, axes } }: PlanDocument, model: Blueprint): void {
  const mine = Object.fromEntries(model.axes.entries());
  const keys = [...new Set([...Object.keys(axes), ...Object.keys(mine)])];
  const wrong = keys.find((key) => axes[key] !== mine[key]);
  if (family === model.family.name && wrong === undefined) return;
  throw new PlanError('PLAN_OTHER_MODEL', {
    file,
    found: wrong === undefined || family !== model.family.name ? `a plan for a ${family} model` : `a plan for a model with ${wrong} ${axes[wrong] ?? 'absent'}`,
    expected:
      family !== model.family.name
        ? model.family.name
        : `${wrong === undefined ? '' : `${wrong} ${mine[wrong] ?? `absent (nearest: ${nearest(wrong, Object.keys(mine))})`}`}`,
    remedy: 'Make the plan again for this model: chop plan.',
  });
}
