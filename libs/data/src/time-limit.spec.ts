import { expect, test } from '@jest/globals';
import { decompress } from 'fzstd';
import { timeLimited } from './time-limit.js';

/** What the fuzzer found: Zstandard on which fzstd 0.1.1 turns in a circle. */
const ENDLESS = Buffer.from(
  'KLUv/WTdBm0MADbkTh/wJ8sBDHNIIoEEp6hjBDChDWuJsk0ySSmllLVnp+4EUABCAEEAlaqS2rmZcmwmqKX8vTob8d6MfqhkvPUsiteJu6Hjok5o5ftlUdikpFpqjtk6lPdmg6FAEjgIgDBAAA0MHECwIIECBMPCweBAAIcEhYOEQ4GWmjH3vcx4O12I8VoXu2gimZqiled0YhFNrYjU6q/EsVvmhnKLnIaNMFuHIS9fnfBWLivh9XUnQpOJJTE5OTI1NDcAUGXRtTNVUkeEjMqx9iQp5XPtTNkICpuUQb+JQsrbRA21vLalidISYxKllR3hs8iGqif1HrHjWMWjR3k1amYjGoaFwyfMysJb62MmvM6duISm+8yR0MqnekpcHyOkmohEhGO+lCqUd/wKYSPK98uot6bx8uYpkiuvjjm5NIVZ2UorP0OoIEZARGIQa2s5OTI1NDcAUCpNGAQ5MDA3MTk5MjU0NwBQKk0YBDkwMDcxOTkyNTQ3AFAqTRgEOTAwNzE5OTI1NDcAUCpNGAQ5MDA3MTk5MjU0NwBQKk0YBDkwMDcxOXuuT2M+/w==',
  'base64',
);

test('what does not end is stopped, with the time that it took', () => {
  const limited = timeLimited(300);
  expect(() => limited(() => decompress(ENDLESS))).toThrow(/not ended after 0\.3 s/);
  expect(() => limited(() => decompress(ENDLESS), 1_000_000)).toThrow(/not ended after 0\.5 s/);
});

test('what ends gives its result, or throws what it throws', () => {
  const limited = timeLimited();
  const list = [1, 2];
  expect(limited(() => list)).toBe(list);
  const failure = new TypeError('of its own');
  expect(() =>
    limited(() => {
      throw failure;
    }),
  ).toThrow(failure);
});
