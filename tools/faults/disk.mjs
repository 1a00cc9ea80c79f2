/**
 * A disk that fails: the calls of `node:fs/promises` that touch one folder are counted, and the k-th fails, or is the last of the process. To be imported before
 * anything that imports `node:fs`.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { resolve, sep } from 'node:path';

const CALLS = ['mkdir', 'rename', 'rm', 'rmdir', 'link', 'unlink', 'copyFile', 'symlink', 'readdir', 'lstat', 'realpath'];
const HANDLE_CALLS = ['write', 'writeFile', 'appendFile', 'sync', 'datasync', 'truncate', 'close'];
/** Calls that an error of a full or broken disk cannot come from. */
const NEVER_FULL = ['rm', 'rmdir', 'unlink', 'readdir', 'lstat', 'realpath', 'close'];

/** What the k-th call meets: `{ at, code }` fails it, `{ at, kill: true }` ends the process before it. */
let fault;
let folder;
const names = [];

/** Counts from now on, and what the calls were. */
export function begin(base, next) {
  [folder, fault] = [resolve(base) + sep, next];
  names.length = 0;
}

/** The calls since {@link begin}. */
export function end() {
  fault = folder = undefined;
  return [...names];
}

const within = (path) => folder !== undefined && typeof path === 'string' && `${resolve(path)}${sep}`.startsWith(folder);

/** Counts a call; a function that makes it fail, where it is the one. */
function meet(name) {
  names.push(name);
  if (fault === undefined || names.length !== fault.at) return undefined;
  if (fault.kill) process.kill(process.pid, 'SIGKILL');
  const code = fault.code === 'ENOSPC' && NEVER_FULL.includes(name) ? 'EIO' : fault.code;
  return Object.assign(new Error(`${code}: a fault that was asked for, ${name}`), { code, errno: -5, syscall: name });
}

const real = { ...fs.promises };
for (const name of CALLS) {
  fs.promises[name] = async (...given) => {
    const error = given.slice(0, 2).some(within) ? meet(name) : undefined;
    if (error) throw error;
    return real[name](...given);
  };
}
fs.promises.open = async (path, ...rest) => {
  const error = within(path) ? meet(`open ${rest[0] ?? 'r'}`) : undefined;
  if (error) throw error;
  const handle = await real.open(path, ...rest);
  if (within(path)) breakable(handle);
  return handle;
};
syncBuiltinESMExports();

function breakable(handle) {
  for (const name of HANDLE_CALLS) {
    const call = handle[name].bind(handle);
    handle[name] = async (...given) => {
      const error = meet(name);
      if (!error) return call(...given);
      // A disk that fills takes what there is room for.
      if (name === 'write' && given[0]?.byteLength > 1) await call(given[0].subarray(0, given[0].byteLength >> 1));
      if (name === 'close') await call();
      throw error;
    };
  }
}
