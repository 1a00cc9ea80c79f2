import { beforeEach, describe, expect, jest, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { hasNative } from '../test/alone.js';
import { startBackends } from '../test/backends.js';
import { cacheAppendKernel } from './key-value-cache.js';
import { linear } from './linear.js';
import { type Program, recordProgram } from './program.js';
import { reshape } from './reshape.js';
import { residual } from './residual.js';
import { rmsNorm } from './rms-norm.js';

const backends = await startBackends();
const native = hasNative('Replay');

const random = (shape: number[], seed: number): tf.Tensor => tf.randomNormal(shape, 0, 1, 'float32', seed);

/** A step of several rows over two weights, and over a store that it writes a row of x into. */
function example() {
  const [gain, weight] = [tf.variable(random([8], 1)), tf.variable(random([8, 8], 2))];
  const store = tf.variable(tf.zeros([1, 5, 8]));
  const step = (x: tf.Tensor, at: tf.Tensor): tf.Tensor => {
    cacheAppendKernel({ cache: store, fresh: reshape(x, [1, 1, 8]), at }, {});
    const normal = rmsNorm(x, gain, { eps: 1e-5 });
    return reshape(residual(x, linear(normal, weight)), [2, 4]);
  };
  return { gain, weight, store, step };
}

/** The step recorded at one x, with what came of it. */
function recorded({ step }: ReturnType<typeof example>): { value: number[]; program: Program | undefined } {
  const [x, at] = [random([1, 8], 3), tf.scalar(0, 'int32')];
  const { value, program } = recordProgram(
    () => step(x, at),
    () => ({ ints: [at], floats: [x] }),
  );
  return { value: Array.from(value.dataSync()), program };
}

test.each(backends)('the recorded run itself gives what the step gives, on %s', async (backend) => {
  await tf.setBackend(backend);
  const own = example();
  const expected = Array.from(own.step(random([1, 8], 3), tf.scalar(0, 'int32')).dataSync());
  const { value, program } = recorded(own);
  expect(value).toEqual(expected);
  expect(program !== undefined).toBe(backend === 'tensorflow' && native);
  program?.dispose();
});

if (native)
  describe('on the native engine', () => {
    beforeEach(async () => void (await tf.setBackend('tensorflow')));

    test('a program gives for other feeds, to the last bit, what the step gives for them, and writes where the step writes', async () => {
      const [own, other] = [example(), example()];
      const program = recorded(own).program!;
      for (const at of [1, 4, 2]) {
        const x = random([1, 8], 10 + at);
        const expected = other.step(x, tf.scalar(at, 'int32'));
        const found = program.run([at], [x])!;
        expect(found.shape).toEqual([2, 4]);
        expect(Array.from(found.dataSync())).toEqual(Array.from(expected.dataSync()));
      }
      expect(Array.from(own.store.dataSync()).slice(8)).toEqual(Array.from(other.store.dataSync()).slice(8));
      program.dispose();
    });

    test('a program is one call, and leaves nothing behind', async () => {
      const program = recorded(example()).program!;
      const x = random([1, 8], 4);
      const before = tf.memory().numTensors;
      const called = jest.spyOn(tf.engine(), 'runKernel');
      program.run([1], [x])!.dispose();
      expect(called.mock.calls.map(([name]) => name)).toEqual(['ChopReplay', 'Reshape']);
      called.mockRestore();
      expect(tf.memory().numTensors).toBe(before);
      program.dispose();
    });

    test('a program sees a weight that is written in place', async () => {
      const [own, other] = [example(), example()];
      const write = (seed: number): void => {
        for (const { weight } of [own, other])
          tf.tidy(() => void cacheAppendKernel({ cache: weight, fresh: random([8, 1], seed), at: tf.scalar(3, 'int32') }, {}));
      };
      write(7); // from now on their memory is their own
      const program = recorded(own).program!;
      const x = random([1, 8], 6);
      const before = Array.from(program.run([1], [x])!.dataSync());
      write(8);
      const after = Array.from(program.run([1], [x])!.dataSync());
      expect(after).not.toEqual(before);
      expect(after).toEqual(Array.from(other.step(x, tf.scalar(1, 'int32')).dataSync()));
      program.dispose();
    });

    test('a program whose weight got other memory, or was disposed of, does not run', async () => {
      for (const change of [
        ({ weight }: ReturnType<typeof example>) => weight.assign(random([8, 8], 5)),
        ({ gain }: ReturnType<typeof example>) => gain.dispose(),
      ]) {
        const own = example();
        const program = recorded(own).program!;
        expect(program.run([1], [random([1, 8], 6)])).toBeDefined();
        change(own);
        expect(program.run([1], [random([1, 8], 6)])).toBeUndefined();
        program.dispose();
      }
    });

    test('what nobody gave, and what no kernel row made, is not recorded', async () => {
      const [x, hidden] = [random([1, 8], 1), random([1, 8], 2)];
      const given = () => ({ ints: [], floats: [x] });
      expect(recordProgram(() => residual(x, hidden), given).program).toBeUndefined();
      expect(recordProgram(() => residual(x, tf.neg(x)), given).program).toBeUndefined();
      expect(recordProgram(() => tf.neg(residual(x, x)), given).program).toBeUndefined();
      recordProgram(() => residual(x, x), given).program!.dispose();
    });

    test('feeds of other sizes, and a program that was disposed of, are refused', async () => {
      const x = random([1, 8], 1);
      const { program } = recordProgram(
        () => residual(x, x),
        () => ({ ints: [], floats: [x] }),
      );
      expect(() => program!.run([], [random([1, 9], 1)])).toThrow(/sizes that were recorded/);
      program!.dispose();
      expect(() => program!.run([], [x])).toThrow(/not forgotten/);
    });
  });
