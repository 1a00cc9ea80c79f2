import { byteLength, type TensorInfo } from '@chop/core';
import type { OpenModel } from './opened.js';
import type { InspectResult } from './verbs.js';

/** What a model is made of, from its headers only. */
export function inspect(opened: OpenModel): InspectResult {
  const { blueprint, checkpoint, family } = opened;
  const onDisk = (info: TensorInfo): number => info.stored?.bytes ?? byteLength(info);
  return {
    model: opened.source,
    family: family.name,
    parameters: blueprint.parameters,
    bytes: [...checkpoint.tensors.values()].reduce((sum, info) => sum + onDisk(info), 0),
    dtype: opened.dtype.toLowerCase(),
    layers: blueprint.axes.layers,
    axes: Object.fromEntries(blueprint.axes.entries()),
    tensors: [...blueprint.weights.values()].map((weight) => {
      const info = checkpoint.tensors.get(weight.name)!;
      return {
        name: weight.name,
        shape: info.shape,
        dtype: info.dtype.toLowerCase(),
        bytes: onDisk(info),
        ...(info.stored ? { stored: info.stored.form } : {}),
        axes: weight.dimensions.map(({ text }) => text),
      };
    }),
  };
}
