import { describe, expect, test } from '@jest/globals';
import { trainOptions, type TrainOptionsInput } from './options.js';
import { extentOf, learningRate } from './schedule.js';

const options = (given: TrainOptionsInput) => trainOptions.parse({ batchSize: 2, window: 16, ...given });

describe('the extent of a run', () => {
  test('tokens are rounded up to whole steps of batch · window · accumulate tokens', () => {
    expect(extentOf(options({ tokens: 1000, accumulate: 2 }))).toMatchObject({ tokensPerStep: 64, steps: 16 });
    expect(extentOf(options({ tokens: '1.5k' }))).toMatchObject({ tokensPerStep: 32, steps: 47 });
    expect(extentOf(options({ steps: 3 }))).toMatchObject({ steps: 3 });
  });

  test('by default 2 % of the steps warm up and a tenth of the run lies between two snapshots', () => {
    expect(extentOf(options({ steps: 250 }))).toEqual({ steps: 250, tokensPerStep: 32, warmupSteps: 5, saveSteps: 25, evalSteps: undefined });
    expect(extentOf(options({ steps: 3 }))).toMatchObject({ warmupSteps: 0, saveSteps: 1 });
  });

  test('tokens between snapshots and evaluations become whole steps, at least one', () => {
    expect(extentOf(options({ steps: 250, saveEvery: 100, evalEvery: '1k', warmupSteps: 7 }))).toMatchObject({ saveSteps: 3, evalSteps: 31, warmupSteps: 7 });
    expect(extentOf(options({ steps: 250, saveEvery: 1, evalEvery: 1 }))).toMatchObject({ saveSteps: 1, evalSteps: 1 });
  });

  test('neither tokens nor steps, or both, is refused', () => {
    for (const given of [{}, { tokens: 100, steps: 3 }]) expect(() => extentOf(options(given))).toThrow(expect.objectContaining({ code: 'TRAIN_LENGTH' }));
  });
});

describe('the learning rate', () => {
  const rates = (given: TrainOptionsInput): number[] => {
    const all = options({ steps: 10, warmupSteps: 2, lr: 1, ...given });
    const extent = extentOf(all);
    return Array.from({ length: 10 }, (_, i) => learningRate(i + 1, all, extent));
  };

  test('rises linearly to its peak, then stays', () => expect(rates({ schedule: 'constant' })).toEqual([0.5, 1, 1, 1, 1, 1, 1, 1, 1, 1]));

  test('falls linearly to its last share in the last step', () => {
    // From step 2 to step 10 in eighths: 1 − 0.8 · i / 8.
    const expected = [0.5, 1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2];
    rates({ schedule: 'linear', minLrRatio: 0.2 }).forEach((rate, i) => expect(rate).toBeCloseTo(expected[i]!, 12));
  });

  test('falls along half a cosine', () => {
    const cosine = rates({ schedule: 'cosine', minLrRatio: 0.1 });
    // Half way down, (1 + 0.1) / 2; a quarter of the way, 0.1 + 0.9 · (1 + √½) / 2.
    expect(cosine[5]).toBeCloseTo(0.55, 12);
    expect(cosine[3]).toBeCloseTo(0.1 + (0.9 * (1 + Math.SQRT1_2)) / 2, 12);
    expect(cosine[9]).toBeCloseTo(0.1, 12);
  });

  test('without a warm-up the first step has nearly the peak', () =>
    expect(rates({ warmupSteps: 0, schedule: 'linear', minLrRatio: 0 })[0]).toBeCloseTo(0.9, 12));
});
