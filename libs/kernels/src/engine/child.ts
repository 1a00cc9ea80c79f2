import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import { InterruptedError } from '@chop/core';

/** How much of a child's output is kept for an error message. */
const KEPT_CHARACTERS = 4000;

/** How a child process ended. */
export interface ChildResult {
  /** `null` when a signal ended it. */
  readonly exitCode: number | null;
  readonly output: string;
  /** The end of what it wrote on standard error. */
  readonly errors: string;
}

/**
 * Runs a command to its end, without a shell.
 *
 * @throws {@link InterruptedError} when the signal fires; the child is ended first. Node's own `ENOENT` when there is
 * no such command.
 */
export function runChild(
  command: string,
  args: readonly string[],
  { environment, folder, signal }: { environment?: NodeJS.ProcessEnv; folder?: string; signal?: AbortSignal | undefined } = {},
): Promise<ChildResult> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(new InterruptedError());
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...(environment && { env: environment }), ...(folder && { cwd: folder }) });
    let output = '';
    let errors = '';
    const stop = (): void => void child.kill('SIGTERM');
    signal?.addEventListener('abort', stop, { once: true });
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output = (output + text).slice(-KEPT_CHARACTERS)));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors = (errors + text).slice(-KEPT_CHARACTERS)));
    child.once('error', (error) => {
      signal?.removeEventListener('abort', stop);
      reject(error);
    });
    child.once('close', (exitCode) => {
      signal?.removeEventListener('abort', stop);
      if (signal?.aborted) reject(new InterruptedError({ found: `${command} was interrupted` }));
      else resolve({ exitCode, output, errors });
    });
  });
}

/** The first of some commands that is on `PATH`, as a full path. */
export function commandOnPath(names: readonly string[], environment: NodeJS.ProcessEnv): string | undefined {
  const folders = (environment['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  for (const name of names) {
    const candidates = isAbsolute(name) ? [name] : folders.map((folder) => join(folder, name));
    const found = candidates.find(isExecutable);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
