import { expect, test } from '@jest/globals';
import { startBackends } from '../test/backends.js';
import { ropeFrequencies, ropeTables } from './rope-tables.js';

await startBackends();

// transformers 4.57.6: ROPE_INIT_FUNCTIONS[kind](LlamaConfig(hidden_size=64, num_attention_heads=4, …)), float32.
const LLAMA3 = [
  1, 0.193922758102417, 0.007638109382241964, 0.00022789578360971063, 4.4194170186528936e-5, 8.570255886297673e-6, 1.6619674170215148e-6, 3.2229328894572973e-7,
];
const LINEAR = [
  0.4000000059604645, 0.12649109959602356, 0.03999999910593033, 0.012649111449718475, 0.003999999724328518, 0.0012649111449718475, 0.0004000000189989805,
  0.0001264911115868017,
];

function expectRelative(found: readonly number[], expected: readonly number[]): void {
  expect(found).toHaveLength(expected.length);
  found.forEach((value, i) => expect(Math.abs(value / expected[i]! - 1)).toBeLessThan(1e-6));
}

test('llama3 scaling keeps fast pairs, slows slow ones and blends between, as transformers does', () => {
  const scaling = { kind: 'llama3', factor: 32, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 256 } as const;
  expectRelative(ropeFrequencies({ inner: 16, theta: 500000, scaling }), LLAMA3);
});

test('linear scaling divides every frequency, as transformers does', () => {
  expectRelative(ropeFrequencies({ inner: 16, theta: 10000, scaling: { kind: 'linear', factor: 2.5 } }), LINEAR);
});

test('the tables start at the offset and are exact to float32 far out', () => {
  const { cos, sin } = ropeTables({ positions: 2, offset: 100000, inner: 4, theta: 10000 });
  expect([cos.shape, sin.shape]).toEqual([
    [2, 2],
    [2, 2],
  ]);
  expect(Array.from(cos.dataSync())).toEqual([100000, 1000, 100001, 1000.01].map((angle) => Math.fround(Math.cos(angle))));
  expect(Array.from(sin.dataSync())).toEqual([100000, 1000, 100001, 1000.01].map((angle) => Math.fround(Math.sin(angle))));
});

test('the pairs that a cut leaves keep their old frequencies', () => {
  const whole = Array.from(ropeTables({ positions: 3, inner: 8, theta: 100 }).sin.dataSync());
  const cut = ropeTables({ positions: 3, inner: 8, theta: 100, pairs: [1, 3] }).sin;
  expect(cut.shape).toEqual([3, 2]);
  expect(Array.from(cut.dataSync())).toEqual([whole[1], whole[3], whole[5], whole[7], whole[9], whole[11]]);
});

test('ropeTables refuses an odd head and a pair that the head does not have', () => {
  expect(() => ropeTables({ positions: 1, inner: 5, theta: 100 })).toThrow(expect.objectContaining({ code: 'KERNEL_SHAPE' }));
  expect(() => ropeTables({ positions: 1, inner: 4, theta: 100, pairs: [2] })).toThrow(expect.objectContaining({ code: 'KERNEL_SHAPE' }));
});
