import { runChild } from './child.js';
import type { Check } from './diagnose.js';
import { INSTALL_COMMAND } from './engine.js';
import { findEngine } from './installed.js';
import { findAddon } from './build-kernels.js';

/** What begins the name of every native op. */
const PREFIX = 'Chop';

/** Loads the addon at `argv[1]` by itself and prints what it has. */
const CHILD = `
const { level, ops } = require(process.argv[1]);
console.log(JSON.stringify({ level, names: ops.map(({ name }) => name), gpu: ops.filter(({ devices }) => devices.includes('GPU')).length }));
`;

/** Which kernels run native, and at which level; the addon is tried in a process of its own. */
export async function checkKernels(environment: NodeJS.ProcessEnv): Promise<Check> {
  const name = 'kernels';
  const rows = await kernelRows();
  const installed = await findEngine(environment);
  if (installed === undefined) return { name, status: 'ok', found: `${rows.length} references: native ones come with the native engine` };
  const remedy = `Type \`${INSTALL_COMMAND}\`.`;
  const file = await findAddon(installed);
  if (file === undefined) return { name, status: 'warn', found: `${rows.length} references (slower): the native ones were not built`, remedy };
  const { exitCode, output, errors } = await runChild(process.execPath, ['-e', CHILD, file], { environment });
  if (exitCode !== 0) return { name, status: 'fail', found: `native kernels that do not load: ${errors.trim().split('\n').at(-1) ?? ''}`, remedy };
  const { level, names, gpu } = JSON.parse(output) as { level: string; names: string[]; gpu: number };
  const native = new Set(names.map((op) => op.slice(PREFIX.length)));
  const [there, missing] = [rows.filter((row) => native.has(row)), rows.filter((row) => !native.has(row))];
  const lack = missing.length === 0 ? '' : `; on their references: ${missing.join(', ')}`;
  const onGpu = gpu === 0 ? '' : `; ${gpu} of them on an NVIDIA GPU, where the others run on their references`;
  return { name, status: 'ok', found: `${there.length} of ${rows.length} native, for ${level}: ${there.join(', ')}${lack}${onGpu}` };
}

/** The names of all kernel rows of this package, in the order of the alphabet. */
export async function kernelRows(): Promise<string[]> {
  const exported: unknown[] = Object.values(await import('../index.js'));
  const isRow = (value: unknown): value is { name: string } => typeof value === 'function' && 'reference' in value;
  return exported
    .filter(isRow)
    .map((row) => row.name)
    .sort();
}
