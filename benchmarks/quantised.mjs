/**
 * node benchmarks/quantised.mjs [--precisions q8_0,q4_0,q4_k_m] [--window 256] [--windows 16] [--model FOLDER] [--data DATA] [--in chop|llama.cpp]: chop's
 * quantisation beside llama.cpp's. SmolLM2, half of its layers, and a narrower one are exported in each precision by chop, and in float32, of which llama.cpp's
 * own `llama_model_quantize` makes the same precision; a Markdown table tells what the files have in common, and the perplexities of both in the same runtime:
 * chop, which reads blocks as the floats that they stand for, or llama.cpp, which rounds activations too (minutes a file: it hands over all logits).
 */
import { execFile, execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compose, findRuntime } from '@chop/chop';
import { openDocuments } from '@chop/data';
import { cacheFolder } from '@chop/kernels';
import { python } from './peers.mjs';
import { models } from './runtimes/models.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const { values: flags } = parseArgs({
  options: {
    precisions: { type: 'string', default: 'q8_0,q4_0,q4_k_m' },
    window: { type: 'string', default: '256' },
    windows: { type: 'string', default: '16' },
    model: { type: 'string', default: join(cacheFolder(), 'bench/smollm2/model') },
    data: { type: 'string', default: join(HERE, '../libs/chop/embedded/text/valid.jsonl.gz') },
    in: { type: 'string', default: 'chop' },
  },
});
const [window, windows] = [Number(flags.window), Number(flags.windows)];
/** Of llama.cpp's `enum llama_ftype`. */
const FILE_TYPE = { q8_0: 7, q4_0: 2, q4_k_m: 15 };

const program = await python();
const chop = await compose();
if (!findRuntime('llama.cpp')) await chop.installRuntime('llama.cpp');
const { folder } = findRuntime('llama.cpp');
const base = await chop.open(flags.model);
const scratch = await mkdtemp(join(tmpdir(), 'chop-quantised-'));
const [floats, ours, theirs] = ['floats', 'ours', 'theirs'].map((name) => join(scratch, `${name}.gguf`));
console.log(
  `| model | precision | types alike | bytes alike | perplexity of float32 | of chop's file | of llama.cpp's | ratio |\n|---|---|--:|--:|--:|--:|--:|--:|`,
);
try {
  const measure = flags.in === 'chop' ? inChop : inLlama(await texts(await base.tokenizer()));
  for await (const [name, model] of models(chop, base, scratch)) {
    await write(model, 'f32', floats);
    const whole = await measure(floats);
    for (const dtype of flags.precisions.split(',')) {
      await write(model, dtype, ours);
      const { tensors, types, bytes } = quantise(dtype);
      const [own, other] = [await measure(ours), await measure(theirs)];
      const cells = [`${types} of ${tensors}`, `${(100 * bytes).toFixed(3)} %`, ...[whole, own, other].map((value) => value.toPrecision(6))];
      console.log(`| ${[name, dtype, ...cells, (own / other).toFixed(4)].join(' | ')} |`);
      await rm(theirs);
    }
  }
} finally {
  await base.close();
  await rm(scratch, { recursive: true });
}

function write(model, dtype, out) {
  return chop.save(model, out, { format: 'gguf', dtype, force: true, verify: 'none' });
}

/** llama.cpp's library stands in the package of binaries beside node-llama-cpp. */
function quantise(dtype) {
  const place = join(folder, '../@node-llama-cpp');
  const [platform] = readdirSync(place);
  const [bins] = readdirSync(join(place, platform, 'bins'));
  const asked = [join(HERE, 'peers/quantise.py'), join(place, platform, 'bins', bins), floats, theirs, String(FILE_TYPE[dtype]), ours];
  return JSON.parse(
    execFileSync(program, asked, { stdio: ['ignore', 'pipe', 'ignore'], encoding: 'utf8' })
      .trim()
      .split('\n')
      .at(-1),
  );
}

async function inChop(file) {
  const { model } = await chop.evaluate({ model: file }, { perplexity: { data: [flags.data], window, windows } });
  return model.perplexity.value;
}

/** In llama.cpp, in a process of its own. */
function inLlama(ids) {
  const asked = [join(HERE, 'runtimes/perplexity.mjs'), folder, flags.window, String(availableParallelism())];
  return (file) =>
    new Promise((resolve, reject) => {
      const child = execFile(process.execPath, [...asked, file], (error, out) => (error ? reject(error) : resolve(JSON.parse(out)[0])));
      child.stdin.end(JSON.stringify(ids));
    });
}

/** The first windows of the text. */
async function texts(tokenizer) {
  const ids = [];
  for await (const { text } of openDocuments([flags.data])) {
    ids.push(...tokenizer.encode(text));
    if (ids.length >= window * windows) break;
  }
  return Array.from({ length: Math.min(windows, Math.floor(ids.length / window)) }, (_, at) => ids.slice(at * window, (at + 1) * window));
}
