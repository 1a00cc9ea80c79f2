import { constants } from 'node:fs';
import { access, mkdir, readdir, readFile, statfs } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { dirname } from 'node:path';
import { cacheFolder } from './cache-folder.js';
import { commandOnPath, runChild } from './child.js';
import { checkKernels } from './check-kernels.js';
import { findCompiler } from './compile.js';
import { INSTALL_COMMAND } from './engine.js';
import { findEngine } from './installed.js';
import { memoryHere } from './memory-here.js';
import { verifyEngine } from './verify.js';
import { findWebgpu } from './webgpu.js';
import { neededBytes, pinnedWheel, pinnedWheels, TENSORFLOW_VERSION } from './wheel.js';

/** One line of a diagnosis. */
export interface Check {
  readonly name: string;
  readonly status: 'ok' | 'warn' | 'fail';
  readonly found: string;
  /** What to do; there where the status is not `ok`. */
  readonly remedy?: string;
}

/** The oldest Node.js that is tried. */
const OLDEST_NODE = [20, 19] as const;

/** Below this a model of some hundred million parameters does not train. */
const LITTLE_MEMORY_BYTES = 4e9;

/** The instruction sets that make a difference; `avx512_bf16` allows products in bfloat16 at full speed. */
const CPU_FEATURES = ['avx2', 'fma', 'avx512f', 'avx512_bf16'];

/** Looks at everything that the engines depend on; an installed one is tried in a process of its own. Never throws. */
export async function diagnoseEngine(environment: NodeJS.ProcessEnv = process.env): Promise<Check[]> {
  return Promise.all([
    checkNode(),
    checkEngine(environment),
    checkKernels(environment),
    checkCompiler(environment),
    checkFeatures(),
    { name: 'threads', status: 'ok' as const, found: `${availableParallelism()} of ${cpus().length} processors` },
    checkGpus(environment),
    checkWebgpu(environment),
    checkMemory(),
    checkDisk(environment),
    checkCache(environment),
  ]);
}

function checkNode(): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const old = major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1]);
  const found = process.version;
  return old ? { name: 'node', status: 'fail', found, remedy: `Use Node.js ${OLDEST_NODE.join('.')} or later.` } : { name: 'node', status: 'ok', found };
}

async function checkEngine(environment: NodeJS.ProcessEnv): Promise<Check> {
  const installed = await findEngine(environment);
  if (installed !== undefined) {
    const found = `TensorFlow ${installed.tensorflow} (${installed.variant}) in ${installed.folder}`;
    const failure = await verifyEngine(installed.folder, installed.tensorflow, environment).then(
      () => undefined,
      (error: Error) => error,
    );
    if (failure === undefined) return { name: 'engine', status: 'ok', found };
    return { name: 'engine', status: 'fail', found: `${found}: ${failure.message}`, remedy: `Type \`${INSTALL_COMMAND} --force\`, or use --engine wasm.` };
  }
  try {
    pinnedWheel('cpu');
    return {
      name: 'engine',
      status: 'warn',
      found: 'wasm (slower): native TensorFlow is not installed',
      remedy: `Type \`${INSTALL_COMMAND}\` to get TensorFlow ${TENSORFLOW_VERSION}.`,
    };
  } catch {
    return {
      name: 'engine',
      status: 'warn',
      found: `wasm (slower): there is no TensorFlow for ${process.platform} ${process.arch}`,
      remedy: 'Use Linux (x64, arm64) or macOS (arm64) for the fast engine.',
    };
  }
}

async function checkCompiler(environment: NodeJS.ProcessEnv): Promise<Check> {
  try {
    const { command, args } = findCompiler(environment);
    const { output } = await runChild(command, [...args, '--version'], { environment });
    return { name: 'compiler', status: 'ok', found: `${command} (${output.split('\n')[0] ?? ''})` };
  } catch (error) {
    return {
      name: 'compiler',
      status: 'warn',
      found: error instanceof Error ? (error.message.split('.')[0] ?? '') : String(error),
      remedy: 'Install g++ or clang to get the fast engine.',
    };
  }
}

async function checkFeatures(): Promise<Check> {
  const words = await cpuWords();
  const model = cpus()[0]?.model ?? process.arch;
  if (process.arch !== 'x64') return { name: 'cpu', status: 'ok', found: model };
  const has = CPU_FEATURES.filter((feature) => words.has(feature));
  const found = `${model}: ${has.join(', ') || 'no vector instructions beyond SSE'}`;
  return has.includes('avx2') && has.includes('fma')
    ? { name: 'cpu', status: 'ok', found }
    : { name: 'cpu', status: 'warn', found, remedy: 'Products are much faster on a processor with AVX2 and FMA.' };
}

/** The feature names of the processor in Linux's spelling. */
async function cpuWords(): Promise<ReadonlySet<string>> {
  const info = await readFile('/proc/cpuinfo', 'utf8').catch(() => '');
  const flags = /^flags\s*:\s*(.*)$/m.exec(info)?.[1];
  if (flags !== undefined) return new Set(flags.split(' '));
  const keys = ['machdep.cpu.features', 'machdep.cpu.leaf7_features'];
  const result = await runChild('sysctl', ['-n', ...keys]).catch(() => undefined);
  return new Set((result?.output ?? '').toLowerCase().split(/\s+/));
}

async function checkGpus(environment: NodeJS.ProcessEnv): Promise<Check> {
  const names = await gpuNames(environment);
  if (names.length === 0) return { name: 'gpu', status: 'ok', found: 'none: chop computes on the processor' };
  const installed = await findEngine(environment, ['cuda']);
  const found = names.join(', ');
  return installed === undefined
    ? { name: 'gpu', status: 'warn', found: `${found}, not used`, remedy: `Type \`${INSTALL_COMMAND} --cuda\`.` }
    : { name: 'gpu', status: 'ok', found };
}

async function checkWebgpu(environment: NodeJS.ProcessEnv): Promise<Check> {
  const gpu = await findWebgpu(environment);
  return { name: 'webgpu', status: 'ok', found: gpu === undefined ? 'no GPU that --engine webgpu could use' : `${gpu}: used with --engine webgpu` };
}

async function gpuNames(environment: NodeJS.ProcessEnv): Promise<readonly string[]> {
  const smi = commandOnPath(['nvidia-smi'], environment);
  const listed = smi && (await runChild(smi, ['--query-gpu=name,memory.total', '--format=csv,noheader'], { environment }).catch(() => undefined));
  if (listed && listed.exitCode === 0) return listed.output.split('\n').filter((line) => line.trim() !== '');
  const cards = await readdir('/proc/driver/nvidia/gpus').catch(() => []);
  return Promise.all(
    cards.map(async (card) => /^Model:\s*(.*)$/m.exec(await readFile(`/proc/driver/nvidia/gpus/${card}/information`, 'utf8').catch(() => ''))?.[1] ?? card),
  );
}

function checkMemory(): Check {
  const { total, free } = memoryHere();
  const found = `${gigabytes(total)}, ${gigabytes(free)} free`;
  return total >= LITTLE_MEMORY_BYTES
    ? { name: 'memory', status: 'ok', found }
    : { name: 'memory', status: 'warn', found, remedy: 'Use small models and small batches here.' };
}

async function checkDisk(environment: NodeJS.ProcessEnv): Promise<Check> {
  const folder = await existing(cacheFolder(environment));
  const free = await statfs(folder).then(
    ({ bavail, bsize }) => bavail * bsize,
    () => undefined,
  );
  if (free === undefined) return { name: 'disk', status: 'warn', found: `${folder} cannot be looked at`, remedy: 'Let CHOP_HOME name another folder.' };
  const found = `${gigabytes(free)} free at ${folder}`;
  const needed = (await findEngine(environment)) === undefined ? engineBytes() : 0;
  return free >= needed
    ? { name: 'disk', status: 'ok', found }
    : { name: 'disk', status: 'warn', found, remedy: `The engine needs ${gigabytes(needed)}: free some, or let CHOP_HOME name a folder on another disk.` };
}

function engineBytes(): number {
  try {
    return neededBytes(pinnedWheels('cpu'));
  } catch {
    return 0;
  }
}

async function checkCache(environment: NodeJS.ProcessEnv): Promise<Check> {
  const folder = cacheFolder(environment);
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK);
    return { name: 'cache', status: 'ok', found: folder };
  } catch (error) {
    return {
      name: 'cache',
      status: 'fail',
      found: `${folder} cannot be written (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`,
      remedy: 'Let CHOP_HOME name a folder that can.',
    };
  }
}

async function existing(folder: string): Promise<string> {
  const there = await access(folder).then(
    () => true,
    () => false,
  );
  return there || dirname(folder) === folder ? folder : existing(dirname(folder));
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
