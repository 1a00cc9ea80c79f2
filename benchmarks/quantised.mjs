/**
 * node benchmarks/quantised.mjs [--precisions q8_0,q4_0,q4_k_m] [--window 256] [--windows 16] [--model FOLDER] [--data DATA] [--in chop|llama.cpp]: chop's
 * quantisation beside llama.cpp's. SmolLM2, half of its layers, and a narrower one are exported in each precision by chop, and in float32, of which llama.cpp's
 * own `llama_model_quantize` makes the same precision; a Markdown table tells what the files have in common, and the perplexities of both in the same runtime:
 * chop, which reads blocks as the floats that they stand for, or llama.cpp, which rounds activations too (minutes a file: it hands over all logits).
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compose, findRuntime } from '@chop/chop';
import { openDocuments } from '@chop/data';
import { cacheFolder } from '@chop/kernels';
import { llamaQuantiser, perplexityInChop, QUANTISED } from './runtimes/llama-blocks.mjs';
import { models } from './runtimes/models.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const { values: flags } = parseArgs({
  options: {
    precisions: { type: 'string', default: QUANTISED.join() },
    window: { type: 'string', default: '256' },
    windows: { type: 'string', default: '16' },
    model: { type: 'string', default: join(cacheFolder(), 'bench/smollm2/model') },
    data: { type: 'string', default: join(HERE, '../libs/chop/embedded/text/valid.jsonl.gz') },
    in: { type: 'string', default: 'chop' },
  },
});
const [window, windows] = [Number(flags.window), Number(flags.windows)];

const chop = await compose();
if (!findRuntime('llama.cpp')) await chop.installRuntime('llama.cpp');
const { folder } = findRuntime('llama.cpp');
const quantise = await llamaQuantiser(folder);
const base = await chop.open(flags.model);
const scratch = await mkdtemp(join(tmpdir(), 'chop-quantised-'));
const [floats, ours, theirs] = ['floats', 'ours', 'theirs'].map((name) => join(scratch, `${name}.gguf`));
console.log(
  `| model | precision | types alike | bytes alike | perplexity of float32 | of chop's file | of llama.cpp's | ratio |\n|---|---|--:|--:|--:|--:|--:|--:|`,
);
try {
  const measure =
    flags.in === 'chop' ? (file) => perplexityInChop(chop, file, { data: flags.data, window, windows }) : inLlama(await texts(await base.tokenizer()));
  for await (const [name, model] of models(chop, base, scratch)) {
    await write(model, 'f32', floats);
    const whole = await measure(floats);
    for (const dtype of flags.precisions.split(',')) {
      await write(model, dtype, ours);
      const { tensors, types, bytes } = quantise(dtype, { floats, theirs, ours });
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
