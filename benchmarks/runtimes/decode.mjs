// node decode.mjs '{ runtime, folder, name, model, dtype, prompt, tokens, probe, threads }': one model in one runtime, in a process of its own. Prints
// { ids, tokensPerSecond, logits }: what it writes greedily after the prompt, how fast, and the logits of the probe's pieces.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const { runtime, folder, name, model, dtype, prompt, tokens, probe, threads } = JSON.parse(process.argv[2]);
const loaded = await import(pathToFileURL(createRequire(join(folder, 'package.json')).resolve(name)).href);
const library = loaded.default ? { ...loaded.default, ...loaded } : loaded;
const { open } = await import(`../../libs/chop/runtimes/${runtime}.mjs`);

const reading = await open(library, model, { dtype, threads: 1 });
const logits = [];
for (const piece of probe) for (const logit of await reading(piece)) logits.push(logit);

const { ids, seconds } = runtime === 'llama.cpp' ? await llama() : await token(await open(library, model, { dtype, threads }));
seconds.sort((a, b) => a - b);
const answer = { ids, tokensPerSecond: 1 / seconds[Math.floor(seconds.length / 2)], logits };
process.stdout.write(JSON.stringify(answer), () => process.exit(0));

/** One token after another through the cache, the likeliest each time. */
async function token(read) {
  const [ids, seconds] = [[], []];
  let next = likeliest(await read(prompt));
  while (ids.push(next) < tokens) {
    const begun = performance.now();
    next = likeliest(await read([next]));
    seconds.push((performance.now() - begun) / 1000);
  }
  return { ids, seconds };
}

/** The likeliest token after the last one that was read. */
function likeliest(values) {
  const vocab = logits.length / probe.flat().length;
  const last = values.subarray(values.length - vocab);
  return last.reduce((best, value, at) => (value > last[best] ? at : best), 0);
}

/** llama.cpp writes on its own: fetching all logits of each token would be most of the time. */
async function llama() {
  const engine = await library.getLlama({ gpu: false, build: 'never', logLevel: library.LlamaLogLevel.error, maxThreads: threads });
  const opened = await engine.loadModel({ modelPath: model, gpuLayers: 0 });
  const context = await opened.createContext({ contextSize: prompt.length + tokens + 8, threads });
  const [ids, seconds] = [[], []];
  let last = performance.now();
  for await (const id of context.getSequence().evaluate(prompt, { temperature: 0, yieldEogToken: true })) {
    seconds.push((performance.now() - last) / 1000);
    last = performance.now();
    if (ids.push(id) === tokens) break;
  }
  // The first is the prompt.
  return { ids, seconds: seconds.slice(1) };
}
