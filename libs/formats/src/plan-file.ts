import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Blueprint, type Checkpoint, type Dtype, elementCount, expectationOf, Mask, nearest, Plan, PlanError, shown, toFloat32 } from '@chop/core';
import { z } from 'zod';
import { checkFileName } from './names.js';
import { openSafetensors, type TensorSource } from './safetensors.js';

/**
 * The newest version of plan files. Version 1 has no fingerprint: a plan that holds for every model of its sizes is still written so.
 * A plan that was made from a model's weights is version 2, which a reader that would not compare fingerprints refuses.
 */
export const PLAN_VERSION = 2;

const indices = z.array(z.int()).describe('the indices that stay, increasing, of the model before');
const planSchema = z.object({
  format: z.literal('chop-plan'),
  version: z.union([z.literal(1), z.literal(PLAN_VERSION)]).describe('2 where the model has a fingerprint, else 1'),
  made: z.record(z.string(), z.unknown()).default({}).describe('how the plan was made: strategy, options, seed, source'),
  model: z
    .object({
      family: z.string(),
      axes: z.record(z.string(), z.int()).describe('the size of every axis: layer, width, layers.3.ffn'),
      fingerprint: z.string().optional().describe('of the model whose weights the plan was made from; absent: any model of these sizes will do'),
    })
    .describe('the model that the plan is for'),
  keep: z.record(z.string(), indices).describe('by axis'),
  masks: z
    .array(z.object({ weight: z.string(), kept: z.int(), total: z.int() }))
    .default([])
    .describe('masked weights, under the names of the model after'),
  replaces: z.array(z.string()).default([]).describe('weights with other values, under the names of the model after'),
  explanation: z.string().default('').describe('the plan in words'),
  tensors: z.string().optional().describe('the safetensors file beside this one: mask/WEIGHT, packed eight to a byte, and replace/WEIGHT'),
});

/** A plan as `plan.json` has it. Masks and values lie in the safetensors file beside it. */
export type PlanDocument = z.output<typeof planSchema>;

/** JSON Schema of plan files. */
export function planJsonSchema(): object {
  return z.toJSONSchema(planSchema, { io: 'input' });
}

/** A plan, how it came to be, and the fingerprint of the model whose weights it was made from. */
export interface SavedPlan {
  readonly plan: Plan;
  readonly made: Readonly<Record<string, unknown>>;
  /** Absent where the plan holds for every model of its sizes. */
  readonly fingerprint?: string | undefined;
}

/** The JSON of a plan file. `tensors`: the name of the side file. */
export function planDocument({ plan, made, fingerprint }: SavedPlan, tensors?: string): PlanDocument {
  return {
    format: 'chop-plan',
    version: fingerprint === undefined ? 1 : PLAN_VERSION,
    made,
    model: { family: plan.before.family.name, axes: Object.fromEntries(plan.before.axes.entries()), ...(fingerprint === undefined ? {} : { fingerprint }) },
    keep: Object.fromEntries([...plan.keeps].map(([key, kept]) => [key, [...kept]])),
    masks: [...plan.masks].map(([weight, mask]) => ({ weight, kept: mask.kept, total: mask.total })),
    replaces: [...plan.replacements.keys()],
    explanation: plan.explain(),
    ...(tensors ? { tensors } : {}),
  };
}

/**
 * Reads a plan for `model`. Whether it was made from the weights of that very model is for the one who applies it to ask: `fingerprintOf`.
 *
 * @throws {@link PlanError} `PLAN_FILE` for a broken file, `PLAN_VERSION`, `PLAN_OTHER_MODEL` when it was made for a model of other sizes.
 */
export async function loadPlan(file: string, model: Blueprint): Promise<SavedPlan> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => Promise.reject(noPlan(file, 'no readable file', cause)));
  const document = parse(file, text);
  checkModel(file, document, model);
  try {
    return { plan: await readPlan(file, document, model), made: document.made, fingerprint: document.model.fingerprint };
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
    throw noPlan(file, document?.format === undefined ? 'JSON that is no plan' : `JSON of the format ${shown(document.format)}`);
  if (document.version !== 1 && document.version !== PLAN_VERSION)
    throw new PlanError('PLAN_VERSION', {
      file,
      found: `version ${shown(document.version)}`,
      expected: `version 1 or ${PLAN_VERSION}`,
      remedy: 'Make the plan again with this chop.',
    });
  const result = planSchema.safeParse(document);
  if (!result.success) {
    const { path, message } = result.error.issues[0]!;
    throw noPlan(file, `a plan whose ${path.join('.')} is no ${expectationOf(message).replace(/^an? /, '')}`);
  }
  if ((result.data.model.fingerprint === undefined) !== (result.data.version === 1))
    throw noPlan(file, `version ${document.version} ${result.data.version === 1 ? 'with' : 'without'} a fingerprint`);
  return result.data;
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
