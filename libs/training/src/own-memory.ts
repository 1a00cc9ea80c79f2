import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Model } from '@chop/core';
import { own } from '@chop/kernels';
import * as tf from '@tensorflow/tfjs-core';

/**
 * Moves the weights into the engine's own memory. A weight as it was loaded lies in a buffer of JavaScript's, which native TensorFlow reads
 * in place; a step of the optimiser would copy it, and nothing would tell JavaScript that hundreds of megabytes of it have become garbage.
 */
export function ownMemory(model: Model): void {
  if (tf.getBackend() !== 'tensorflow') return;
  for (const name of model.names) own(model.value(name));
  collectGarbage();
}

/** Node.js offers its collector under a flag only, which may be set at run time: https://nodejs.org/api/v8.html#v8setflagsfromstringflags. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}
