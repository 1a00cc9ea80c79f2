import type { InspectResult } from '@chop/chop';
import { short, size } from './numbers.js';
import { type Paint, printable } from './paint.js';
import { table } from './table.js';

type Tensor = InspectResult['tensors'][number];

/** A stretch of layers with the same weights, or weights outside of all layers. */
interface Branch {
  readonly title: string;
  /** Weights with their names as they are inside the branch. */
  readonly weights: readonly (Tensor & { readonly label: string })[];
}

/** `model.layers.12.mlp.up_proj.weight`: where, which layer, what. */
const IN_LAYER = /^((?:.*\.)?)(\d+)\.(.+)$/;

/** Model → layers → weights; layers that are alike are shown once. */
export function modelTree(result: InspectResult, { bold, dim }: Paint): string {
  const { model, family, parameters, bytes, dtype, layers } = result;
  const head = `${bold(printable(model))}  ${family}, ${layers} layers, ${short(parameters)} parameters, ${size(bytes)}, ${dtype}${storedText(result.tensors)}`;
  const rows = branchesOf(result.tensors).flatMap(({ title, weights }) =>
    weights.map((weight, index) => ({
      heading: index === 0 && title !== '' ? [`├─ ${title}`] : [],
      cells: cellsOf(weight, title === '' ? '├─ ' : index === weights.length - 1 ? '│  └─ ' : '│  ├─ '),
    })),
  );
  const lines = table(
    rows.map(({ cells }) => cells),
    [4],
  ).split('\n');
  const tree = [...rows.flatMap(({ heading }, index) => [...heading, lines[index]!]), `└─ axes  ${axesText(result.axes)}`];
  return [head, ...tree.map((line) => line.replace(/^[│├└─ ]+/, dim))].join('\n');
}

function cellsOf(weight: Branch['weights'][number], rail: string): string[] {
  const { label, shape, axes, dtype, bytes, stored } = weight;
  return [rail + printable(label), `[${shape.join(', ')}]`, axes.join(' × '), stored === undefined ? dtype : `${dtype} as ${stored}`, size(bytes)];
}

/** Forms in which weights lie on disk, those of most bytes first. */
function storedText(tensors: readonly Tensor[]): string {
  const bytes = new Map<string, number>();
  for (const { stored, bytes: more } of tensors) if (stored !== undefined) bytes.set(stored, (bytes.get(stored) ?? 0) + more);
  const forms = [...bytes].sort((a, b) => b[1] - a[1]).map(([form]) => form);
  return forms.length === 0 ? '' : ` stored as ${forms.join(', ')}`;
}

/** Axes that are the same in every layer; where layers differ, the smallest and the largest. */
function axesText(axes: InspectResult['axes']): string {
  const sizes = new Map<string, number[]>();
  for (const [name, value] of Object.entries(axes)) {
    const axis = name.replace(/^layers\.\d+\./, '');
    sizes.set(axis, [...(sizes.get(axis) ?? []), value]);
  }
  return [...sizes]
    .map(([axis, values]) => {
      const [least, most] = [Math.min(...values), Math.max(...values)];
      return `${axis} ${least === most ? least : `${least}–${most}`}`;
    })
    .join(' · ');
}

function branchesOf(tensors: readonly Tensor[]): Branch[] {
  const branches: { title: string; weights: (Tensor & { label: string })[]; first?: number; last?: number; kind?: string }[] = [];
  for (const { layer, weights } of runsOf(tensors)) {
    const before = branches.at(-1);
    const kind = layer === undefined ? undefined : JSON.stringify(weights.map(({ label, shape, dtype, stored }) => [label, shape, dtype, stored]));
    if (kind !== undefined && before?.kind === kind) before.last = layer!;
    else branches.push({ title: '', weights, ...(layer === undefined ? {} : { first: layer, last: layer, kind: kind! }) });
  }
  return branches.map(({ weights, first, last }) => ({ title: titleOf(weights, first, last), weights }));
}

function titleOf(weights: readonly Tensor[], first: number | undefined, last: number | undefined): string {
  if (first === undefined || last === undefined) return '';
  const parameters = weights.reduce((sum, { shape }) => sum + shape.reduce((product, length) => product * length, 1), 0);
  const many = last - first + 1;
  return many === 1 ? `layer ${first}  ${short(parameters)} parameters` : `layers ${first}–${last}  ${many} alike, ${short(parameters)} parameters each`;
}

/** Neighbours of one layer together. */
function runsOf(tensors: readonly Tensor[]): { layer: number | undefined; weights: (Tensor & { label: string })[] }[] {
  const runs: { layer: number | undefined; weights: (Tensor & { label: string })[] }[] = [];
  for (const tensor of tensors) {
    const [, , index, label] = IN_LAYER.exec(tensor.name) ?? [];
    const layer = index === undefined ? undefined : Number(index);
    const run = runs.at(-1);
    const weight = { ...tensor, label: label ?? tensor.name };
    if (run && run.layer === layer) run.weights.push(weight);
    else runs.push({ layer, weights: [weight] });
  }
  return runs;
}
