// node perplexity.mjs PACKAGES WINDOW THREADS GGUF…: reads windows of ids, a JSON array on standard input, and prints the perplexity of each file in llama.cpp.
// The first half of a window is read and not counted, as llama.cpp's own tool has it. PACKAGES is a folder of node-llama-cpp.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';

const [packages, window, threads, ...files] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4]), ...process.argv.slice(5)];
const { getLlama, LlamaLogLevel } = await import(pathToFileURL(createRequire(join(packages, 'package.json')).resolve('node-llama-cpp')).href);
const windows = JSON.parse(await text(process.stdin));
const llama = await getLlama({ gpu: false, build: 'never', logLevel: LlamaLogLevel.error, maxThreads: threads });
const results = [];
for (const modelPath of files) {
  const model = await llama.loadModel({ modelPath, gpuLayers: 0 });
  const context = await model.createContext({ contextSize: window, threads, batchSize: window });
  const sequence = context.getSequence();
  let [sum, count] = [0, 0];
  for (const ids of windows) {
    await sequence.clearHistory();
    const half = ids.length >> 1;
    const wanted = ids.slice(0, -1).map((id, at) => (at < half ? id : [id, { generateNext: { logits: true } }]));
    const outputs = await sequence.controlledEvaluate(wanted);
    for (let at = half; at < ids.length - 1; at++, count++) sum += surprise(outputs[at].next.logits, ids[at + 1]);
  }
  results.push(Math.exp(sum / count));
  await context.dispose();
  await model.dispose();
}
process.stdout.write(JSON.stringify(results), () => process.exit(0));

/** −log of the probability of the token that came. */
function surprise(logits, token) {
  let most = -Infinity;
  for (const logit of logits.values()) most = Math.max(most, logit);
  let sum = 0;
  for (const logit of logits.values()) sum += Math.exp(logit - most);
  return most + Math.log(sum) - logits.get(token);
}
