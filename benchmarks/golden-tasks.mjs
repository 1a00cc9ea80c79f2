/**
 * node benchmarks/golden-tasks.mjs MODEL DATA REFERENCE: the tasks of a file of lm-eval's answers, every example of it, by chop in float32. DATA is a folder of
 * TASK.jsonl; REFERENCE is `{ TASK: { samples: [{ target, ll, acc, acc_norm }] } }`. Prints a table, a row a task: how far log-likelihoods lie apart at most, and
 * in how many examples acc or acc_norm differs though no two choices are closer than CLOSE. Fails where one does, or a log-likelihood is further than WIDE away.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { compose } from '@chop/chop';

const [model, data, file] = process.argv.slice(2);
/** How far a log-likelihood may be from lm-eval's. */
const WIDE = 5e-3;
/** Choices this near to one another may change places. */
const CLOSE = 5e-3;

const reference = JSON.parse(await readFile(file, 'utf8'));
const tasks = Object.keys(reference);
const taskData = Object.fromEntries(tasks.map((task) => [task, join(data, `${task}.jsonl`)]));
const limit = Math.max(...tasks.map((task) => reference[task].samples.length));
const chop = await compose();
const started = performance.now();
const { result } = await chop.evaluate({ result: model }, { tasks: { tasks, taskData, limit, samples: true } });
const seconds = (performance.now() - started) / 1000;

/** The least distance between two values. */
const nearest = (values) => Math.min(...values.toSorted((a, b) => a - b).map((value, at, all) => (at === 0 ? Infinity : value - all[at - 1])));

function compared(task) {
  const ours = result.samples.filter((sample) => sample.task === task);
  const rows = reference[task].samples.map((theirs, at) => {
    const { ll, target, ...metrics } = ours[at];
    const differs = ['acc', 'acc_norm'].some((name) => metrics[name] !== theirs[name]) || target !== theirs.target || ll.length !== theirs.ll.length;
    return { largest: Math.max(...ll.map((value, i) => Math.abs(value - theirs.ll[i]))), differs, close: nearest(theirs.ll) < CLOSE };
  });
  const differing = rows.filter(({ differs }) => differs);
  return {
    task,
    examples: rows.length,
    requests: ours.reduce((sum, { ll }) => sum + ll.length, 0),
    largest: Math.max(...rows.map(({ largest }) => largest)),
    differing: differing.length,
    apart: differing.filter(({ close }) => !close).length,
  };
}

const rows = tasks.map(compared);
console.log('| task | examples | log-likelihoods | largest difference | examples that differ |\n| --- | --: | --: | --: | --: |');
for (const { task, examples, requests, largest, differing } of rows)
  console.log(`| ${task} | ${examples} | ${requests} | ${largest.toExponential(1)} | ${differing} |`);
console.log(`\n${seconds.toFixed(1)} s`);
process.exitCode = rows.every(({ largest, apart }) => largest < WIDE && apart === 0) ? 0 : 1;
