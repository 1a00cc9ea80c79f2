import { type Checkpoint, type Dtype, UsageError } from '@chop/core';
import { afterPacking, canBePacked, crowdedGroup, packedConfig, packedTwoOfFour, type TensorSource } from '@chop/formats';
import type { OpenModel } from './opened.js';
import type { Common } from './request.js';
import type { FolderForm } from './save.js';
import { storedTensor } from './stored-tensor.js';

/**
 * A model as a folder of packed 2:4 weights: those of its linear weights that are 2:4 as values and indices, all else as it is stored. Weights are read
 * once to know, no further than to their first group with more than two values.
 *
 * @param stored - the model's tensors in the form in which they are stored.
 * @throws {@link UsageError} `FORMAT_NOT_SPARSE` where no linear weight is 2:4.
 */
export async function packedForm(
  { blueprint, checkpoint, source }: OpenModel,
  stored: Checkpoint,
  { dtype, onProgress }: Pick<Common, 'onProgress'> & { readonly dtype: Dtype | undefined },
): Promise<FolderForm> {
  const linears = [...blueprint.weights.values()].filter(({ linear }) => linear);
  const packed = new Map<string, TensorSource>();
  let crowded: string | undefined;
  for (const [done, { name }] of linears.entries()) {
    onProgress?.({ phase: 'look for 2:4', done, total: linears.length });
    const info = checkpoint.tensors.get(name);
    const tensor = info && storedTensor(checkpoint, name, dtype ?? info.dtype);
    if (tensor === undefined || !canBePacked(tensor)) continue;
    const found = await crowdedGroup(tensor);
    if (found === undefined) packed.set(name, tensor);
    else crowded ??= `${name}, row ${found.row}, has more than two values that are not zero from input ${found.input} to ${found.input + 3}`;
  }
  if (packed.size === 0)
    throw new UsageError('FORMAT_NOT_SPARSE', {
      file: source,
      found: `no linear weight that is 2:4 (${crowded ?? 'none has rows of whole groups of four floats'})`,
      expected: 'at most two of every four inputs that are not zero',
      remedy: 'Prune it first: chop prune wanda MODEL --set pattern=2:4 --out DIR. Or write it as --format hf.',
    });
  const turned = [...packed.keys()].some((name) => blueprint.weight(name).turned === true);
  const others = (name: string): TensorSource => storedTensor(stored, name, dtype ?? stored.tensors.get(name)!.dtype);
  const names = [...stored.tensors.keys()];
  return {
    config: packedConfig(stored.config, turned),
    tensors: names.flatMap((name) => (packed.has(name) ? packedTwoOfFour(packed.get(name)!) : [others(name)])),
    readBack: names.map((name) => (packed.has(name) ? afterPacking(others(name)) : others(name))),
  };
}
