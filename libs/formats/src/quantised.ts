import { CheckpointError, type Config, type TensorInfo } from '@chop/core';
import { isJsonObject } from './strict-json.js';

/** Names of what quantisers put beside or in the place of a weight: GPTQ, AWQ, bitsandbytes, compressed-tensors, FBGEMM, FP8. */
const SCALE = /(\.(qweight|qzeros|scales|SCB|absmax|quant_map|weight_packed)|weight[._](scale(_inv|_2)?|zero_point|absmax|quant_map|quant_state.*))$/;
const WHOLE = ['I64', 'I32', 'I16', 'I8', 'U8', 'BOOL'];

/**
 * Refuses a model whose weights are not what its tensors say: quantised ones, as the config tells or as scales beside them do, and weights of whole numbers.
 *
 * @throws {@link CheckpointError} `CHECKPOINT_QUANTISED`
 */
export function refuseQuantised(config: Config, tensors: ReadonlyMap<string, TensorInfo>, folder: string): void {
  const scheme = config['quantization_config'];
  const scale = [...tensors.keys()].find((name) => SCALE.test(name));
  const whole = [...tensors.values()].find(({ name, shape, dtype }) => WHOLE.includes(dtype) && shape.length > 1 && name.endsWith('.weight'));
  const found = isJsonObject(scheme)
    ? `weights quantised by ${String(scheme['quant_method'] ?? 'an unnamed method')} (quantization_config in config.json)`
    : scale !== undefined
      ? `quantised weights: ${scale} scales them`
      : whole && `${whole.name} stored as whole numbers (${whole.dtype})`;
  if (found === undefined) return;
  throw new CheckpointError('CHECKPOINT_QUANTISED', {
    file: folder,
    found,
    expected: 'weights that stand for themselves: F32, F16, BF16, F8_E4M3 or F8_E5M2',
    remedy: 'Use the model that it was made from; quantise after chop has made it smaller.',
  });
}
