import { byteLength, type Parts } from '@chop/core';
import { openModel } from './opened.js';
import type { InspectResult } from './verbs.js';

/** `chop inspect`: headers only. */
export async function inspect(parts: Parts, source: string): Promise<InspectResult> {
  const opened = await openModel(parts, source);
  const { blueprint, checkpoint, family } = opened;
  const result = {
    model: opened.source,
    family: family.name,
    parameters: blueprint.parameters,
    bytes: opened.bytes,
    dtype: opened.dtype.toLowerCase(),
    layers: blueprint.axes.layers,
    axes: Object.fromEntries(blueprint.axes.entries()),
    tensors: [...blueprint.weights.values()].map((weight) => {
      const info = checkpoint.tensors.get(weight.name)!;
      return {
        name: weight.name,
        shape: info.shape,
        dtype: info.dtype.toLowerCase(),
        bytes: byteLength(info),
        axes: weight.dimensions.map(({ text }) => text),
      };
    }),
  };
  await checkpoint.close();
  return result;
}
