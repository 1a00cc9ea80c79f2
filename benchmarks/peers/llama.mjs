// node llama.mjs GGUF CONTEXT TOKENS: llama.cpp through node-llama-cpp, one token after another, after a prompt. Stands in the folder that holds the package.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { availableParallelism } from 'node:os';
import { ids } from '../ours/process.mjs';

const [packages, file, context, tokens] = [process.argv[2], process.argv[3], ...process.argv.slice(4).map(Number)];
const entry = createRequire(join(packages, 'package.json')).resolve('node-llama-cpp');
const { getLlama, LlamaLogLevel } = await import(pathToFileURL(entry).href);
const llama = await getLlama({ gpu: false, build: 'never', logLevel: LlamaLogLevel.error, maxThreads: availableParallelism() });
const model = await llama.loadModel({ modelPath: file, gpuLayers: 0 });
const room = await model.createContext({ contextSize: context + tokens + 8, threads: availableParallelism(), batchSize: context });
const sequence = room.getSequence();
const seconds = [];
let last = performance.now();
for await (const _ of sequence.evaluate([...ids(context, 49000)], { temperature: 0, yieldEogToken: true })) {
  seconds.push((performance.now() - last) / 1000);
  last = performance.now();
  if (seconds.length > tokens) break;
}
// The first is the prompt.
process.stdout.write(`${JSON.stringify({ seconds: seconds.slice(1), peakBytes: process.resourceUsage().maxRSS * 1024 })}\n`);
process.exit(0);
