import { readFile } from 'node:fs/promises';
import { axisKey, LAYER, parseAxisKey } from '@chop/core';
import type { AxisCut, CutFacts } from '@chop/report';

/** What a picture needs of a plan's file; how it is applied is for {@link loadPlan}. */
interface PlanSizes {
  readonly model: { readonly axes: Readonly<Record<string, number>> };
  readonly keep: Readonly<Record<string, readonly number[]>>;
  readonly masks?: CutFacts['masks'];
}

/** What the plan of a file leaves of every axis and weight; nothing where there is no file. */
export async function cutOf(file: string): Promise<Partial<CutFacts>> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  return text === undefined ? {} : cutFacts(JSON.parse(text) as PlanSizes);
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
