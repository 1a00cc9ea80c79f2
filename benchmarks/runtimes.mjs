/**
 * node benchmarks/runtimes.mjs [--precisions f32,f16,…] [--models 1,2,3] [--tokens 32] [--threads N] [--model FOLDER] [--no-perplexity]: what a cut is worth
 * where models run. SmolLM2, half of its layers, and a narrower one are exported to each format and precision, verified by its runtime, and opened in each
 * runtime that reads it; a Markdown table tells how far logits are from chop's on the weights as stored, whether that is within the format's error, whether the
 * text written greedily is chop's, and tokens a second beside those of the uncut model in the same runtime and precision. Quantised GGUF files are held
 * against those that llama.cpp makes of the same floats, by their perplexities (this needs Python, once). Runtimes that are missing are installed into
 * chop's cache. What fails is a row with its reason; then the exit code is 1.
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
import { llamaQuantiser, perplexityInChop, QUANTISED } from './runtimes/llama-blocks.mjs';
import { models } from './runtimes/models.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const { values: flags } = parseArgs({
  options: {
    precisions: { type: 'string', default: 'f32,f16,bf16,q8_0,q4_0,q4_k_m,q8,q4,q4f16' },
    models: { type: 'string', default: '1,2,3' },
    tokens: { type: 'string', default: '32' },
    threads: { type: 'string', default: String(availableParallelism()) },
    model: { type: 'string', default: join(cacheFolder(), 'bench/smollm2/model') },
    perplexity: { type: 'boolean', default: true },
  },
  allowNegative: true,
});
const PROMPT = 'The river that runs through the old town';
const TEXT = { data: join(HERE, '../libs/chop/embedded/text/valid.jsonl.gz'), window: 256, windows: 8 };

/** Formats, their precisions, and who reads them. (bfloat16 has no products in ONNX Runtime on processors.) */
const FORMATS = [
  ['gguf', ['f32', 'f16', 'bf16', 'q8_0', 'q4_0', 'q4_k_m'], ['llama.cpp']],
  ['onnx', ['f32', 'f16', 'q8', 'q4', 'q4f16'], ['onnxruntime', 'transformers.js']],
];
/** What is held to: logits, as a share of the largest one, and perplexity, of the one with llama.cpp's blocks. */
const ERRORS = { f32: 2e-3, f16: 2e-2 };
const PERPLEXITY_SHARE = 0.02;
const REASON_CHARACTERS = 200;

const chop = await compose();
const base = await chop.open(flags.model);
const rows = [];
const before = new Map();
let missed = 0;
const scratch = await mkdtemp(join(tmpdir(), 'chop-runtimes-'));
const [floats, theirs] = ['floats', 'theirs'].map((name) => join(scratch, `${name}.gguf`));
try {
  const prompt = (await base.tokenizer()).encode(PROMPT);
  const chosen = flags.models.split(',').map(Number);
  let at = 0;
  for await (const [name, model] of models(chop, base, scratch)) {
    if (!chosen.includes(++at)) continue;
    const own = (await chop.generate(model, PROMPT, { maxTokens: Number(flags.tokens) })).ids.slice(prompt.length);
    for (const dtype of flags.precisions.split(','))
      for (const [format, precisions, runtimes] of FORMATS)
        if (precisions.includes(dtype)) await measure({ name, model, prompt, own, format, dtype, runtimes });
    await rm(floats, { force: true });
  }
} finally {
  await base.close();
  await rm(scratch, { recursive: true });
}
const HEAD = ['model', 'format', 'precision', 'MB', 'runtime', 'logits apart', 'allowed', 'nats apart', 'allowed', "perplexity / llama.cpp's", 'holds'];
console.log(`| ${[...HEAD, "chop's text", 'tokens/s', '× uncut'].join(' | ')} |\n|---|---|---|--:|---|--:|--:|--:|--:|--:|---|---|--:|--:|`);
for (const row of rows) console.log(row);
console.log(`\n${rows.length} rows, ${missed} that failed or do not hold`);
process.exitCode = missed === 0 ? 0 : 1;

/** Exports a model, opens it in each runtime that reads the format, and adds a row for each; what fails does so in a row of its own. */
async function measure(variant) {
  const { model, format, dtype, runtimes } = variant;
  const out = join(scratch, format === 'gguf' ? 'model.gguf' : 'model');
  const saved = await orRow(variant, runtimes[0], async () => {
    for (const runtime of runtimes) if (!findRuntime(runtime)) await chop.installRuntime(runtime);
    const written = await chop.save(model, out, { format, dtype, force: true, verify: 'required', runtime: runtimes[0] });
    return { ...written, ratio: flags.perplexity && QUANTISED.includes(dtype) ? await perplexityRatio(model, dtype, out) : undefined };
  });
  let first;
  for (const runtime of saved ? runtimes : [])
    await orRow(variant, runtime, async () => {
      const read = await decoded(variant, runtime, { out, files: saved.files });
      first ??= read.logits;
      add(variant, { ...saved, ...read, runtime, first });
    });
  if (existsSync(out)) await rm(out, { recursive: true });
}

async function orRow({ name, format, dtype }, runtime, work) {
  try {
    return await work();
  } catch (error) {
    missed++;
    // Of another process, what it said last is the reason.
    const reason = /^\w*Error.*$/m.exec(error?.stderr ?? '')?.[0] ?? String(error?.message ?? error);
    row([name, format, dtype, '–', runtime, `failed: ${reason.replace(/\s+/g, ' ').replaceAll('|', '/').slice(0, REASON_CHARACTERS)}`]);
    return undefined;
  }
}

/** What a model in a runtime writes, how fast, and its logits of the prompt: read in pieces through the cache. */
async function decoded({ prompt, dtype }, runtime, { out, files }) {
  const { folder, package: packageName } = findRuntime(runtime);
  const graph = files.find((file) => file.endsWith('.onnx'));
  const question = {
    ...{ runtime, folder, name: packageName, dtype },
    model: runtime === 'onnxruntime' ? join(out, graph) : out,
    prompt: [...prompt],
    tokens: Number(flags.tokens),
    probe: [[...prompt.slice(0, -2)], [prompt.at(-2)], [prompt.at(-1)]],
    threads: Number(flags.threads),
  };
  const { stdout } = await promisify(execFile)(process.execPath, [join(HERE, 'runtimes/decode.mjs'), JSON.stringify(question)], { maxBuffer: 1 << 28 });
  return JSON.parse(stdout);
}

/** Perplexity of chop's file, of that of llama.cpp's file of the same precision. */
async function perplexityRatio(model, dtype, ours) {
  if (!existsSync(floats)) await chop.save(model, floats, { format: 'gguf', dtype: 'f32', verify: 'none' });
  const quantise = await llamaQuantiser(findRuntime('llama.cpp').folder);
  quantise(dtype, { floats, theirs, ours });
  const [own, other] = [await perplexityInChop(chop, ours, TEXT), await perplexityInChop(chop, theirs, TEXT)];
  await rm(theirs);
  return own / other;
}

function add({ name, format, dtype, own }, { bytes, verify, ids, tokensPerSecond, logits, ratio, runtime, first }) {
  // The second reader of a file is compared with the first one, which was compared with chop.
  const apart = verify.maxDifference + logits.reduce((most, value, at) => Math.max(most, Math.abs(value - first[at])), 0);
  const largest = logits.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
  const length = own.findIndex((id, at) => id !== ids[at]);
  const holds =
    (!(dtype in ERRORS) || apart <= ERRORS[dtype] * largest) &&
    (ratio === undefined || Math.abs(ratio - 1) <= PERPLEXITY_SHARE) &&
    (dtype !== 'f32' || length < 0);
  if (!holds) missed++;
  const key = `${runtime} ${dtype}`;
  if (!before.has(key)) before.set(key, tokensPerSecond);
  const same = length < 0 ? 'the same' : dtype === 'f32' ? `differs at ${length}` : `the same for ${length}`;
  const figure = (value) => value?.toPrecision(2) ?? '–';
  row([
    ...[name, format, dtype, (bytes / 1e6).toFixed(0), runtime],
    ...[apart, verify.tolerance, verify.divergence, verify.divergenceTolerance].map(figure),
    ...[ratio?.toFixed(4) ?? '–', holds ? 'yes' : 'no', same, tokensPerSecond.toFixed(1), (tokensPerSecond / before.get(key)).toFixed(2)],
  ]);
}

function row(cells) {
  rows.push(`| ${cells.join(' | ')} |`);
  console.error(rows.at(-1));
}
