import { trainOptions } from '@chop/training';
import { expect, test } from '@jest/globals';
import { TRAINING_FLAGS, trainingChoices, trainingOptions } from './training-flags.js';

const { seed: _seed, ...shape } = trainOptions.shape;

test('there is a flag for every option of training, under its name, with its words and its default', () => {
  const flags = trainingOptions();
  expect(flags.map((option) => option.attributeName()).sort()).toEqual(Object.keys(shape).sort());
  const defaults = trainOptions.parse({ steps: 1 });
  for (const [name, { description, fallback }] of Object.entries(TRAINING_FLAGS)) {
    expect([name, description]).toEqual([name, shape[name as keyof typeof shape].description]);
    const preset = defaults[name as keyof typeof defaults];
    if (fallback !== undefined) expect([name, String(fallback)]).toEqual([name, String(preset)]);
    else expect([undefined, false, 1]).toContain(preset);
  }
});

test('flags that were not given are left to the defaults', () => {
  expect(trainingChoices({ steps: 3, lr: undefined, out: 'folder', documentMask: true })).toEqual({ steps: 3, documentMask: true });
});
