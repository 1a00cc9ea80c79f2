import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError, throwIfAborted } from '@chop/core';
import { commandOnPath, runChild } from './child.js';
import { WHEEL_PYTHON, type Wheel } from './wheel.js';

/** How often the growing download of a child is looked at. */
const LOOK_MS = 500;

/** A command that behaves like `pip`. */
export interface Pip {
  readonly name: 'pip' | 'uv';
  readonly command: string;
  readonly args: readonly string[];
}

/** The pips on this machine: `pip3`, `pip`, a Python with pip, or `uv`, which brings pip in its own tool environment. */
export async function findPips(environment: NodeJS.ProcessEnv): Promise<readonly Pip[]> {
  const found: Pip[] = [];
  const pip = commandOnPath(['pip3', 'pip'], environment);
  if (pip !== undefined) found.push({ name: 'pip', command: pip, args: [] });
  const python = commandOnPath(['python3', 'python'], environment);
  if (pip === undefined && python !== undefined && (await answers(python, ['-m', 'pip', '--version'], environment))) {
    found.push({ name: 'pip', command: python, args: ['-m', 'pip'] });
  }
  const uv = commandOnPath(['uv'], environment);
  if (uv !== undefined) found.push({ name: 'uv', command: uv, args: ['tool', 'run', 'pip'] });
  return found;
}

async function answers(command: string, args: readonly string[], environment: NodeJS.ProcessEnv): Promise<boolean> {
  const result = await runChild(command, args, { environment }).catch(() => undefined);
  return result?.exitCode === 0;
}

/**
 * Lets `pip download` (whose own settings hold: index, proxy, certificates) put the wheel into a folder.
 *
 * @param index - a simple index to use instead of pip's own.
 * @returns the path of the wheel; its hash is not checked here.
 * @throws {@link EngineError} `ENGINE_NO_WHEEL`, `ENGINE_OFFLINE`, `ENGINE_DISK_FULL` or `ENGINE_DOWNLOAD`.
 */
export async function pipDownload(
  pip: Pip,
  wheel: Wheel,
  folder: string,
  options: { environment: NodeJS.ProcessEnv; index?: string | undefined; onBytes?: (bytes: number) => void; signal?: AbortSignal | undefined },
): Promise<string> {
  const scratch = join(folder, 'pip');
  await mkdir(scratch, { recursive: true });
  // pip downloads into TMPDIR, which is where its progress is seen (and on the disk whose space was checked).
  const environment = { ...options.environment, TMPDIR: scratch, PIP_DISABLE_PIP_VERSION_CHECK: '1' };
  // In a variable and not among the arguments, which every user of the machine can read: it may hold a password.
  if (options.index !== undefined) Object.assign(environment, { PIP_INDEX_URL: options.index });
  const args = [
    ...pip.args,
    ...['download', '--no-deps', '--only-binary=:all:', '--progress-bar', 'off', '--dest', folder],
    ...['--platform', wheel.platform, '--python-version', WHEEL_PYTHON.version, '--implementation', 'cp', '--abi', WHEEL_PYTHON.abi],
    `${wheel.project}==${wheel.version}`,
  ];
  const look = setInterval(() => void folderBytes(folder).then((bytes) => options.onBytes?.(Math.min(bytes, wheel.fileBytes))), LOOK_MS);
  try {
    const { exitCode, errors } = await runChild(pip.command, args, { environment, signal: options.signal });
    throwIfAborted(options.signal);
    const file = join(folder, wheel.file);
    if (exitCode === 0 && (await stat(file).catch(() => undefined)) !== undefined) return file;
    throw pipError(pip, wheel, exitCode === 0 ? `no ${wheel.file} after the download` : errors);
  } finally {
    clearInterval(look);
    await rm(scratch, { recursive: true, force: true });
  }
}

/** pip has no error codes: its messages are sorted by the words that its versions 20 to 25 use. */
function pipError(pip: Pip, wheel: Wheel, output: string): EngineError {
  const lines = output.trim().split('\n');
  const line = lines.findLast((text) => text.startsWith('ERROR')) ?? lines.at(-1) ?? '';
  if (/No space left|Errno 28/.test(output)) {
    return new EngineError('ENGINE_DISK_FULL', {
      found: 'no space left on the disk',
      expected: `${wheel.diskBytes} bytes`,
      remedy: 'Free some, or let CHOP_HOME name a folder on another disk.',
    });
  }
  if (
    /NewConnectionError|ConnectTimeout|Name or service|name resolution|Network is unreachable|ConnectionError|ReadTimeout|ProxyError|Connection refused|dns error/i.test(
      output,
    )
  ) {
    return new EngineError('ENGINE_OFFLINE', {
      found: `${pip.name} without a connection (${line.trim()})`,
      remedy: 'Connect, or give the wheel: `chop engine install --index FILE`.',
    });
  }
  if (/No matching distribution|Could not find a version/.test(output)) {
    return new EngineError('ENGINE_NO_WHEEL', {
      found: `an index without ${wheel.file}`,
      remedy: 'Name another index with --index URL, or the wheel itself with --index FILE.',
    });
  }
  return new EngineError('ENGINE_DOWNLOAD', {
    found: `${pip.name} download that failed: ${line}`,
    remedy: 'Mend its settings, or name an index with --index URL.',
  });
}

async function folderBytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => []);
  const sizes = entries
    .filter((entry) => entry.isFile())
    .map((entry) =>
      stat(join(entry.parentPath, entry.name)).then(
        (file) => file.size,
        () => 0,
      ),
    );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
