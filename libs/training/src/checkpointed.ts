import { type Model, Pass, type PassOptions } from '@chop/core';
import { currentPrecision, valueAndGradients, withGradient, withPrecision } from '@chop/kernels';
import * as tf from '@tensorflow/tfjs-core';

/**
 * Walks through layers so that training keeps the input of each only, and computes the layer again when its backward pass comes
 * (Chen et al. 2016, arXiv 1604.06174): the same gradients to the bit, the activations of one layer in memory instead of all, one more forward pass.
 *
 * @param heard - whether somebody listens to taps within a layer: it is walked as usual then, since what was heard must be part of the tape.
 */
export function checkpointed(model: Model, { onTap, ...quiet }: PassOptions, heard: (at: number) => boolean): NonNullable<PassOptions['walk']> {
  const through = (at: number, hidden: tf.Tensor, options: PassOptions): tf.Tensor => {
    const pass = new Pass(model, options);
    try {
      return model.layer(pass, at, hidden);
    } finally {
      pass.close();
    }
  };
  return (at, hidden) => {
    if (heard(at)) return through(at, hidden, { ...quiet, ...(onTap ? { onTap } : {}) });
    const weights = [...model.blueprint.weights.values()].filter((weight) => weight.at === at).map(({ name }) => model.value(name));
    const precision = currentPrecision();
    return withGradient({
      inputs: [hidden, ...weights],
      saved: [hidden],
      forward: () => tf.tidy(() => through(at, hidden, quiet)),
      backward: (dy, [kept]) => {
        const to = [kept!, ...weights];
        const { gradients } = withPrecision(precision, () => valueAndGradients(() => through(at, kept!, quiet), to, dy));
        return gradients.map((gradient, index) => gradient ?? tf.zerosLike(to[index]!));
      },
    });
  };
}
