import type { Checkpoint, Dtype } from '@chop/core';
import { expect, test } from '@jest/globals';
import { fingerprintOf } from './fingerprint.js';

type Stored = Pick<Checkpoint, 'config' | 'tensors' | 'stream'>;

function model({
  config = {},
  names = ['b', 'a'],
  dtype = 'F32',
  change = -1,
}: { config?: object; names?: string[]; dtype?: Dtype; change?: number } = {}): Stored {
  return {
    config: { hidden_size: 2, rope_theta: 1e4, ...config },
    tensors: new Map(names.map((name) => [name, { name, shape: [4, 2], dtype }])),
    async *stream(_name, from = 0, to) {
      const bytes = Uint8Array.from({ length: 32 }, (_, i) => (i === change ? 255 : i));
      yield bytes.subarray(from, to);
    },
  };
}

test('does not depend on where a model lies, the order of its tensors, or what wrote its config', async () => {
  const same = await fingerprintOf(model());
  expect(same).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(await fingerprintOf(model({ names: ['a', 'b'] }))).toBe(same);
  expect(await fingerprintOf(model({ config: { torch_dtype: 'float32', transformers_version: '4.57', _name_or_path: '/elsewhere' } }))).toBe(same);
});

test.each([
  ['a byte of a weight', { change: 17 }],
  ['a name', { names: ['b', 'c'] }],
  ['the dtype', { dtype: 'I32' as const }],
  ['what the forward pass reads of the config', { config: { rope_theta: 1e6 } }],
])('changes with %s', async (_, change) => expect(await fingerprintOf(model(change))).not.toBe(await fingerprintOf(model())));
