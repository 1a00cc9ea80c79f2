// node eval.mjs MODEL DATA LIMIT: the same six tasks on the same rows; opening the model counts, the cache of answers is left out.
import { compose } from '@chop/chop';

const [folder, data, limit] = process.argv.slice(2);
const tasks = ['piqa', 'hellaswag', 'openbookqa', 'winogrande', 'sciq', 'arc_easy'];
const chop = await compose();
const started = performance.now();
const taskData = Object.fromEntries(tasks.map((task) => [task, `${data}/${task}.jsonl`]));
const { model } = await chop.evaluate({ model: folder }, { tasks: { tasks, taskData, limit: Number(limit) } });
const seconds = (performance.now() - started) / 1000;
process.stderr.write(`${JSON.stringify(Object.fromEntries(tasks.map((task) => [task, [model.tasks[task].acc, model.tasks[task].acc_norm]])))}\n`);
process.stdout.write(`${JSON.stringify({ seconds: [seconds], peakBytes: process.resourceUsage().maxRSS * 1024 })}\n`);
