import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { ROOT } from './workspace.mjs';

/**
 * Runs a Node.js program in the foreground and waits for it. Ctrl-C reaches the program itself (it shares the terminal), so that it can save what it has;
 * this process only waits for it.
 *
 * @param {string[]} argv - the program and its arguments.
 * @param {{ env?: NodeJS.ProcessEnv, cwd?: string }} [options]
 * @returns {Promise<number>} its exit code; 128 + the signal's number where a signal ended it.
 */
export async function run(argv, { env = process.env, cwd = ROOT } = {}) {
  const child = spawn(process.execPath, argv, { cwd, env, stdio: 'inherit' });
  const wait = () => {};
  const pass = () => child.kill('SIGTERM');
  process.on('SIGINT', wait);
  process.on('SIGTERM', pass);
  try {
    return await new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
    });
  } finally {
    process.off('SIGINT', wait);
    process.off('SIGTERM', pass);
  }
}
