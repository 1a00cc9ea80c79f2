import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { Terminal } from './terminal.js';

let now = 0;
let written = '';
const stream = { isTTY: true, columns: 60, write: (text: string) => void (written += text) };
const terminal = (options: { isTTY?: boolean; quiet?: boolean; environment?: Record<string, string> } = {}): Terminal => {
  stream.isTTY = options.isTTY ?? true;
  return new Terminal({ stream, environment: options.environment ?? {}, quiet: options.quiet ?? false, now: () => now });
};
const WIPED = '\r\u001b[J';

beforeEach(() => {
  jest.useFakeTimers();
  now = 0;
  written = '';
  stream.columns = 60;
});
afterEach(() => {
  jest.useRealTimers();
});

test('a bar is redrawn at most ten times a second, and ends up at what was told last', () => {
  const bar = terminal();
  for (let done = 0; done < 500; done++) {
    now = done;
    bar.progress({ phase: 'work', done, total: 1000 });
  }
  const drawn = written.split(WIPED).length;
  expect(drawn).toBeGreaterThanOrEqual(4);
  expect(drawn).toBeLessThanOrEqual(6);
  jest.advanceTimersByTime(100);
  expect(written.split(WIPED).at(-1)).toContain('work 499/1000');
});

test('a message stays above the bar', () => {
  const bar = terminal();
  bar.progress({ phase: 'work', done: 1, total: 2 });
  const line = written;
  written = '';
  bar.message('step 3: perplexity 12');
  expect(written).toBe(`${WIPED}step 3: perplexity 12\n${line}`);
});

test('a terminal that was made narrower loses all rows of the broken bar', () => {
  const bar = terminal();
  bar.progress({ phase: 'work', done: 1, total: 2, detail: 'a rather long detail of the work' });
  stream.columns = 20;
  written = '';
  bar.end();
  expect(written).toBe(`\u001b[2A${WIPED}`);
});

test('the end takes the bar away', () => {
  const bar = terminal();
  bar.progress({ phase: 'work' });
  bar.end();
  expect(written.endsWith(WIPED)).toBe(true);
  written = '';
  jest.advanceTimersByTime(1000);
  expect(written).toBe('');
});

test.each([
  ['a file', { isTTY: false }],
  ['a dumb terminal', { environment: { TERM: 'dumb' } }],
])('%s gets a plain line now and then', (_name, options) => {
  const plain = terminal(options);
  for (now = 0; now < 25_000; now += 100) plain.progress({ phase: 'work', done: now, total: 25_000 });
  plain.message('done');
  expect(written).toMatch(/^work 10.0 k\/25.0 k · 0:15 left\nwork 20.0 k\/25.0 k · 0:05 left\ndone\n$/);
});

test('quiet says nothing', () => {
  const silent = terminal({ quiet: true });
  silent.progress({ phase: 'work', done: 1, total: 2 });
  silent.message('hello');
  silent.end();
  expect(written).toBe('');
});

test('control characters of a message do not reach the terminal', () => {
  terminal().message('evil\u001b[2Jname\u0007');
  expect(written).toBe('evil\ufffd[2Jname\ufffd\n');
});
