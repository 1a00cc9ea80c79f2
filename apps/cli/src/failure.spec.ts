import { readFile } from 'node:fs/promises';
import { CheckpointError, EngineError, InterruptedError } from '@chop/core/error';
import { expect, test } from '@jest/globals';
import { CommanderError } from 'commander';
import { failureOf } from './failure.js';

const told = (error: unknown, aborted = false): ReturnType<typeof failureOf> => failureOf(error, { help: 'chop prune --help', aborted });

test('an error that explains itself takes two lines: what happened, what to do', () => {
  const { lines, exitCode, json } = told(
    new CheckpointError('CHECKPOINT_TRUNCATED', { file: 'm.safetensors', found: '10 bytes', expected: '20 bytes', remedy: 'Download it again.' }),
  );
  expect(lines).toEqual(['chop: CHECKPOINT_TRUNCATED: m.safetensors: found 10 bytes, expected 20 bytes.', 'Download it again.']);
  expect(exitCode).toBe(2);
  expect(json).toMatchObject({ code: 'CHECKPOINT_TRUNCATED', file: 'm.safetensors', remedy: 'Download it again.' });
});

test('exit codes are those of the errors', () => {
  expect(told(new EngineError('ENGINE_MISSING', { found: 'none' })).exitCode).toBe(3);
  expect(told(new InterruptedError()).exitCode).toBe(130);
});

test('an error of another copy of core is understood', () => {
  const foreign = Object.assign(new Error('found nothing.'), { code: 'PLUGIN_OWN', exitCode: 2, facts: {} });
  expect(told(foreign)).toMatchObject({ exitCode: 2, lines: ['chop: PLUGIN_OWN: found nothing.'], json: { code: 'PLUGIN_OWN', message: 'found nothing.' } });
});

test('wrong use names the nearest spelling and the help', () => {
  const { lines, exitCode } = told(new CommanderError(1, 'commander.unknownOption', "error: unknown option '--kep'\n(Did you mean --keep?)"));
  expect(lines).toEqual(["chop: OPTION_UNKNOWN: unknown option '--kep'", 'Did you mean --keep? See `chop prune --help`.']);
  expect(exitCode).toBe(2);
});

test('what broke off because the user stopped it is an interruption', () => {
  expect(told(new DOMException('aborted', 'AbortError'), true)).toMatchObject({ exitCode: 130, json: { code: 'INTERRUPTED' } });
});

test("the system's errors are no bugs", async () => {
  const error = await readFile('/nowhere/at/all').catch((caught: unknown) => caught);
  expect(told(error)).toMatchObject({ exitCode: 1, json: { code: 'ENOENT' } });
  expect(told(error).lines).toHaveLength(1);
});

test('anything else is a bug, and says so', () => {
  const { lines, exitCode, json } = told(new TypeError('x is undefined'));
  expect(lines[0]).toBe('chop: INTERNAL: x is undefined');
  expect(lines[1]).toMatch('This is a bug');
  expect([exitCode, json['code']]).toEqual([1, 'INTERNAL']);
  expect(told('thrown text').lines[0]).toBe('chop: INTERNAL: thrown text');
});
