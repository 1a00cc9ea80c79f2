import { expect, test } from '@jest/globals';
import { startBackends } from '../test/backends.js';
import { ropeFrequencies } from './rope-frequencies.js';
import { ropeTables } from './rope-tables.js';

await startBackends();

// transformers 4.57.6: ROPE_INIT_FUNCTIONS[kind](LlamaConfig(hidden_size=64, num_attention_heads=4, …)), float32.
const LLAMA3 = [
  1, 0.193922758102417, 0.007638109382241964, 0.00022789578360971063, 4.4194170186528936e-5, 8.570255886297673e-6, 1.6619674170215148e-6, 3.2229328894572973e-7,
];
const LINEAR = [
  0.4000000059604645, 0.12649109959602356, 0.03999999910593033, 0.012649111449718475, 0.003999999724328518, 0.0012649111449718475, 0.0004000000189989805,
  0.0001264911115868017,
];
// The same with original_max_position_embeddings 256: yarn of factor 4; of factor 40, beta_fast 16, beta_slow 2, truncate false; longrope of 256 and 257 tokens.
const YARN = [1, 0.2569350600242615, 0.0625, 0.013834965415298939, 0.0024999999441206455, 0.0007905694656074047, 0.0002500000118743628, 7.905694656074047e-5];
const YARN_UNTRUNCATED = [
  1, 0.2841149866580963, 0.035863712430000305, 0.0007905694656074047, 0.0002500000118743628, 7.905694656074047e-5, 2.499999936844688e-5, 7.905694474175107e-6,
];
const LONGROPE_SHORT = [
  1, 0.2810913622379303, 0.07999999821186066, 0.02299838326871395, 0.006666666828095913, 0.0019460170296952128, 0.0005714285653084517, 0.00016865480574779212,
];
const LONGROPE_LONG = [
  0.5, 0.10540924966335297, 0.01666666753590107, 0.002874797908589244, 0.0005555555690079927, 0.0001171213953057304, 2.631578900036402e-5, 6.200544703460764e-6,
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

test('yarn blends between whole pairs, or between pairs as they fall, as transformers does', () => {
  const scaling = { kind: 'yarn', factor: 4, beta_fast: 32, beta_slow: 1, original_max_position_embeddings: 256, truncate: true, attention_factor: 1 } as const;
  expectRelative(ropeFrequencies({ inner: 16, theta: 10000, scaling }), YARN);
  const other = { ...scaling, factor: 40, beta_fast: 16, beta_slow: 2, truncate: false };
  expectRelative(ropeFrequencies({ inner: 16, theta: 10000, scaling: other }), YARN_UNTRUNCATED);
});

test('longrope slows each pair by a factor of its own, by another in texts beyond the original context, as transformers does', () => {
  const pairs = Array.from({ length: 8 }, (_, pair) => pair);
  const scaling = {
    kind: 'longrope',
    short_factor: pairs.map((pair) => 1 + pair / 8),
    long_factor: pairs.map((pair) => 2 + pair * pair),
    original_max_position_embeddings: 256,
    attention_factor: 1.25,
  } as const;
  const of = { inner: 16, theta: 10000, scaling };
  expectRelative(ropeFrequencies({ ...of, length: 256 }), LONGROPE_SHORT);
  expectRelative(ropeFrequencies({ ...of, length: 257 }), LONGROPE_LONG);
  const second = (positions: number | number[]): number => ropeTables({ ...of, positions }).cos.dataSync()[9]!;
  expect(second(256)).toBeCloseTo(1.25 * Math.cos(LONGROPE_SHORT[1]!), 6);
  expect(second(257)).toBeCloseTo(1.25 * Math.cos(LONGROPE_LONG[1]!), 6);
  expect(second([0, 1, 256])).toBe(second(257));
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
