import { CheckpointError } from '@chop/core';

/** Longer than any weight's name in use (about 120 characters), short enough to print in an error. */
const MAX_NAME_CHARACTERS = 512;

const CONTROL_CHARACTER = /\p{Cc}/u;

/**
 * Refuses names of tensors that a later tool could take for a path outside its folder or that would garble a terminal.
 * Slashes inside are common (`wanda/0.q_proj`) and stay allowed.
 *
 * @throws {@link CheckpointError} `CHECKPOINT_NAME`
 */
export function checkTensorName(name: string, file: string): void {
  const trick =
    name.length === 0 ||
    name.length > MAX_NAME_CHARACTERS ||
    CONTROL_CHARACTER.test(name) ||
    name.includes('\\') ||
    /^[a-z]:/i.test(name) ||
    (/[/]|^\.{1,2}$/.test(name) && name.split('/').some((part) => part === '' || part === '.' || part === '..'));
  if (trick) {
    throw new CheckpointError('CHECKPOINT_NAME', {
      file,
      found: `a tensor named ${printable(name)}`,
      expected: `1 to ${MAX_NAME_CHARACTERS} characters without control characters, backslashes, drive letters or path steps`,
      remedy: 'Do not use this file unless you know who made it.',
    });
  }
}

/**
 * Refuses names of files that would not lie directly in the model's folder.
 *
 * @throws {@link CheckpointError} `CHECKPOINT_NAME`
 */
export function checkFileName(name: string, file: string): void {
  if (name === '' || name === '.' || name === '..' || name.length > 255 || CONTROL_CHARACTER.test(name) || /[/\\:]/.test(name)) {
    throw new CheckpointError('CHECKPOINT_NAME', {
      file,
      found: `a file named ${printable(name)}`,
      expected: 'the plain name of a file in the same folder',
      remedy: 'Do not use this model unless you know who made it.',
    });
  }
}

function printable(name: string): string {
  return JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}…` : name);
}
