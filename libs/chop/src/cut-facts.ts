import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { axisKey, type Checkpoint, LAYER, parseAxisKey, type Plan } from '@chop/core';
import { planDocument } from '@chop/formats';
import type { AxisCut, CutFacts } from '@chop/report';

/** The companion that tells what training took away. It is no plan: the masks' bits lie in the weights alone. */
const CUT = 'cut.json';

/** What a picture needs of a plan. */
export interface PlanSizes {
  readonly model: { readonly axes: Readonly<Record<string, number>> };
  readonly keep: Readonly<Record<string, readonly number[]>>;
  readonly masks?: CutFacts['masks'];
}

/** What was kept while a model was trained, as a file beside it; none where nothing was taken away. */
export function cutBeside(plan: Plan): Checkpoint['companions'] {
  if (plan.keeps.size + plan.masks.size === 0) return new Map();
  const { model, keep, masks } = planDocument({ plan, made: {} });
  const sizes: PlanSizes = { model: { axes: model.axes }, keep, masks };
  return new Map([[CUT, async () => new TextEncoder().encode(`${JSON.stringify(sizes)}\n`)]]);
}

/** What the step that wrote a model folder left of every axis and weight; nothing where no file tells. */
export async function cutOf(model: string): Promise<Partial<CutFacts>> {
  for (const file of ['plan.json', CUT]) {
    const text = await readFile(join(model, file), 'utf8').catch(() => undefined);
    if (text !== undefined) return cutFacts(JSON.parse(text) as PlanSizes);
  }
  return {};
}

/** A plan as facts: axes of which any layer has lost something are told of all layers that stay. */
export function cutFacts({ model: { axes: sizes }, keep, masks = [] }: PlanSizes): Partial<CutFacts> {
  const total = sizes[LAYER] ?? 0;
  const layers = keep[LAYER] ?? every(total);
  const cut = new Set(
    Object.keys(keep)
      .map((key) => parseAxisKey(key).axis)
      .filter((axis) => axis !== LAYER),
  );
  const kept = (axis: string, at?: number): AxisCut => {
    const key = axisKey(axis, at);
    const size = sizes[key] ?? 0;
    return { axis, ...(at === undefined ? {} : { at }), total: size, kept: keep[key] ?? every(size) };
  };
  const shared = [...cut].filter((axis) => sizes[axis] !== undefined).map((axis) => kept(axis));
  const heads = cut.has('kv') || cut.has('group') ? layers.map((at) => queryHeads(at, kept('kv', at), kept('group', at))) : [];
  // Where every key/value head has one query head, the two are the same picture.
  const hidden = (axis: string): boolean => axis === 'group' || (axis === 'kv' && layers.every((at) => kept('group', at).total === 1));
  const own = [...cut].filter((axis) => sizes[axis] === undefined && !hidden(axis)).flatMap((axis) => layers.map((at) => kept(axis, at)));
  const axes = [...shared, ...heads, ...own];
  return {
    ...(keep[LAYER] ? { layers: { total, kept: [...layers] } } : {}),
    ...(axes.length > 0 ? { axes } : {}),
    ...(masks.length > 0 ? { masks: masks.map(({ weight, kept: left, total: all }) => ({ weight, kept: left, total: all })) } : {}),
  };
}

/** Query head `k · groups + g` is query `g` of key/value head `k`. */
function queryHeads(at: number, kv: AxisCut, group: AxisCut): AxisCut {
  return { axis: 'head', at, total: kv.total * group.total, kept: kv.kept.flatMap((head) => group.kept.map((query) => head * group.total + query)) };
}

function every(size: number): number[] {
  return Array.from({ length: size }, (_, index) => index);
}
