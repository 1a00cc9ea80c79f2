import * as tf from '@tensorflow/tfjs-core';
import { dequantiseTwin } from '../dequantise.gpu.js';
import { type GpuTwin, hasGpuJs, type HostTensor, TWIN_MODES, twinValues } from '../gpu-twin.js';
import { columnSumsTwin, rowSumsTwin } from '../importance.gpu.js';
import { magnitudeTwin } from '../magnitude.gpu.js';
import { keepNofMTwin } from '../select.gpu.js';
import { wandaScoreTwin } from '../wanda-score.gpu.js';

/** All of them, by the names of their rows. */
export const GPU_TWINS = [wandaScoreTwin, magnitudeTwin, columnSumsTwin, rowSumsTwin, keepNofMTwin, dequantiseTwin] as const;

/** Enters the twins that are quicker than their references on a backend in TensorFlow.js's kernel registry, where a row looks; none without gpu.js. */
export function registerGpuTwins(backendName: keyof typeof TWIN_MODES): void {
  if (!hasGpuJs()) return;
  for (const twin of GPU_TWINS) {
    const kernelName = `Chop${twin.row}`;
    if (!(twin.quickerOn as readonly string[]).includes(backendName) || tf.getKernel(kernelName, backendName) !== undefined) continue;
    tf.registerKernel({ kernelName, backendName, kernelFunc: kernelFunction(twin, backendName) });
  }
}

function kernelFunction(twin: GpuTwin, backendName: keyof typeof TWIN_MODES): tf.KernelFunc {
  return ({ inputs, attrs, backend }) => {
    const read = ({ dataId, shape }: tf.TensorInfo): HostTensor => ({ values: (backend as tf.KernelBackend).readSync(dataId) as HostTensor['values'], shape });
    const given = Object.fromEntries(Object.entries(inputs).map(([name, tensor]) => [name, read(tensor as tf.TensorInfo)]));
    const call = twin.call(given, attrs as unknown as Record<string, number>);
    const values = twinValues(TWIN_MODES[backendName], call) as Float32Array;
    return tf.tensor(call.dtype === 'bool' ? Uint8Array.from(values) : values, [...call.shape], call.dtype);
  };
}
