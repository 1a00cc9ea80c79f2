/**
 * node benchmarks/runtimes.mjs [--precisions f32,f16,…] [--tokens 32] [--threads N] [--model FOLDER]: what a cut is worth where models run. SmolLM2, half of its
 * layers, and a narrower one are exported to each format and precision, verified by its runtime, and opened in each runtime that reads it; a Markdown
 * table tells how far logits are from chop's on the weights as stored, whether the text written greedily is chop's, and tokens a second beside those
 * of the uncut model in the same runtime and precision. Runtimes that are missing are installed into chop's cache.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { compose, findRuntime } from '@chop/chop';
import { cacheFolder } from '@chop/kernels';
import { models } from './runtimes/models.mjs';

const { values: flags } = parseArgs({
  options: {
    precisions: { type: 'string', default: 'f32,f16,bf16,q8_0,q4_0,q4_k_m,q8,q4,q4f16' },
    tokens: { type: 'string', default: '32' },
    threads: { type: 'string', default: String(availableParallelism()) },
    model: { type: 'string', default: join(cacheFolder(), 'bench/smollm2/model') },
  },
});
const DECODE = join(dirname(fileURLToPath(import.meta.url)), 'runtimes/decode.mjs');
const PROMPT = 'The river that runs through the old town';

/** Formats, their precisions, and who reads them. */
const FORMATS = [
  ['gguf', ['f32', 'f16', 'bf16', 'q8_0', 'q4_0', 'q4_k_m'], ['llama.cpp']],
  ['onnx', ['f32', 'f16', 'q8', 'q4', 'q4f16'], ['onnxruntime', 'transformers.js']],
];

const chop = await compose();
const base = await chop.open(flags.model);
const rows = [];
const before = new Map();
const scratch = await mkdtemp(join(tmpdir(), 'chop-runtimes-'));
try {
  const prompt = (await base.tokenizer()).encode(PROMPT);
  const variants = [];
  for await (const [name, model] of models(chop, base, scratch))
    variants.push({ name, model, prompt, own: (await chop.generate(model, PROMPT, { maxTokens: Number(flags.tokens) })).ids.slice(prompt.length) });
  for (const dtype of flags.precisions.split(','))
    for (const [format, precisions, runtimes] of FORMATS)
      if (precisions.includes(dtype)) for (const variant of variants) await measure({ ...variant, format, dtype, runtimes });
} finally {
  await base.close();
  await rm(scratch, { recursive: true });
}
console.log(
  `| model | format | precision | MB | runtime | logits apart | allowed | chop's text | tokens/s | × uncut |\n|---|---|---|--:|---|--:|--:|---|--:|--:|`,
);
for (const row of rows) console.log(row);

/** Exports a model, opens it in each runtime that reads the format, and adds a row for each. */
async function measure({ name, model, own, prompt, format, dtype, runtimes }) {
  const out = join(scratch, format === 'gguf' ? 'model.gguf' : 'model');
  const found = [];
  for (const runtime of runtimes) {
    if (!findRuntime(runtime)) await chop.installRuntime(runtime);
    found.push(findRuntime(runtime));
  }
  const { verify, files, bytes } = await chop.save(model, out, { format, dtype, force: true, verify: 'required', runtime: runtimes[0] });
  let first;
  for (const { name: runtime, folder, package: packageName } of found) {
    const graph =
      runtime === 'onnxruntime'
        ? join(
            out,
            files.find((file) => file.endsWith('.onnx')),
          )
        : out;
    const question = {
      runtime,
      folder,
      name: packageName,
      model: graph,
      dtype,
      prompt: [...prompt],
      tokens: Number(flags.tokens),
      probe: [[...prompt.slice(0, -2)], [prompt.at(-2)], [prompt.at(-1)]],
    };
    const { stdout } = await promisify(execFile)(process.execPath, [DECODE, JSON.stringify({ ...question, threads: Number(flags.threads) })], {
      maxBuffer: 1 << 28,
    });
    const { ids, tokensPerSecond, logits } = JSON.parse(stdout);
    // The second reader of a file is compared with the first one, which was compared with chop.
    const apart = verify.maxDifference + (first ? logits.reduce((most, value, at) => Math.max(most, Math.abs(value - first[at])), 0) : 0);
    first ??= logits;
    const key = `${runtime} ${dtype}`;
    if (!before.has(key)) before.set(key, tokensPerSecond);
    const length = own.findIndex((id, at) => id !== ids[at]);
    const same = length < 0 ? 'the same' : dtype === 'f32' ? `differs at ${length}` : `the same for ${length}`;
    const cells = [name, format, dtype, (bytes / 1e6).toFixed(0), runtime, apart.toPrecision(2), verify.tolerance.toPrecision(2), same];
    rows.push(`| ${[...cells, tokensPerSecond.toFixed(1), (tokensPerSecond / before.get(key)).toFixed(2)].join(' | ')} |`);
    console.error(rows.at(-1));
  }
  if (existsSync(out)) await rm(out, { recursive: true });
}
