/**
 * node benchmarks/same-rows.mjs PYTHON [ROWS]: lm-eval 0.4.9's own YAML files, unchanged, on the same rows by lm-eval (with PyTorch) and by chop; the embedded
 * model, float32. PYTHON has lm_eval, torch and transformers. Prints a table, a row a task: how far log-likelihoods lie apart at most, and in how many examples
 * a metric differs. Rows are those of libs/eval/test/rows in the data sets' raw schemas, each said anew for other months until there are ROWS of a task.
 */
import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compose, EMBEDDED_MODEL } from '@chop/chop';

const [python, count = '20'] = process.argv.slice(2);
const FIXTURES = fileURLToPath(new URL('../libs/eval/test/rows/', import.meta.url));
const PEER = fileURLToPath(new URL('./peers/same_rows.py', import.meta.url));
const MONTHS = ['January', 'March', 'April', 'June', 'July', 'October', 'November'];

const before = (field) => (row, words) => ({ ...row, [field]: `${words}, ${row[field]}` });
const after = (field) => (row, words) => ({ ...row, [field]: `${row[field]} It was ${words} .` });
/** Where a row of each task may say when it was: what labels and spans point to stays in its place. */
const SAID = {
  ...{ arc_challenge: before('question'), arc_easy: before('question'), boolq: after('passage'), c4: after('text'), cb: after('premise') },
  ...{ commonsense_qa: before('question'), copa: before('premise'), gsm8k: before('question'), hellaswag: before('ctx_a'), lambada_openai: before('text') },
  ...{ logiqa: after('context'), mathqa: before('Problem'), medmcqa: before('question'), mmlu_anatomy: before('question') },
  ...{ openbookqa: before('question_stem'), piqa: before('goal'), race: after('article'), sciq: after('support'), social_iqa: after('context') },
  ...{ swag: before('startphrase'), wic: after('sentence1'), wikitext: after('page'), winogrande: before('sentence'), wsc: after('text') },
};

/** Writes the rows of every task; returns their names. */
async function writeRows(folder) {
  const tasks = [];
  for (const file of await readdir(FIXTURES)) {
    const task = file.replace('.jsonl', '');
    const given = (await readFile(join(FIXTURES, file), 'utf8')).trimEnd().split('\n').map(JSON.parse);
    const rows = Array.from({ length: Number(count) }, (_, at) => {
      const row = given[at % given.length];
      return at < given.length ? row : SAID[task](row, `in ${MONTHS[at % MONTHS.length]} ${1980 + at}`);
    });
    await writeFile(join(folder, file), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    tasks.push(task);
  }
  return tasks;
}

/** What one task's examples come to, side by side. */
function compared(theirs, ours) {
  const likelihoods = theirs.flatMap(({ ll }, at) => ll.map((value, i) => Math.abs(value - ours[at].ll[i])));
  const differing = theirs.filter(({ metrics }, at) =>
    Object.entries(metrics).some(([name, value]) => Math.abs([ours[at][name]].flat(2)[0] - value) > 1e-3 * Math.max(1, Math.abs(value))),
  );
  const names = Object.keys(theirs[0].metrics);
  return { examples: theirs.length, requests: likelihoods.length, largest: Math.max(0, ...likelihoods), names, differing: differing.length };
}

const folder = await mkdtemp(join(tmpdir(), 'chop-same-rows-'));
try {
  const tasks = await writeRows(folder);
  const told = JSON.parse(
    execFileSync(python, [PEER, EMBEDDED_MODEL, folder], { encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'inherit'] })
      .split('\n')
      .at(-2),
  );
  const chop = await compose();
  console.log(`| task | examples | log-likelihoods | largest difference | metrics | examples that differ |\n| --- | --: | --: | --: | --- | --: |`);
  for (const task of tasks) {
    const request = { tasks: [task], tasksDir: [told.folder], taskData: { [task]: join(folder, `${task}.jsonl`) }, samples: true, bootstrap: 0 };
    const { result } = await chop.evaluate({ result: 'embedded' }, { tasks: request });
    // Of a task with several filters, the first.
    const [filter] = result.samples.map((sample) => sample.filter);
    const one = compared(
      told.tasks[task],
      result.samples.filter((sample) => sample.filter === filter),
    );
    console.log(`| ${task} | ${one.examples} | ${one.requests} | ${one.largest.toExponential(1)} | ${one.names.join(', ')} | ${one.differing} |`);
  }
} finally {
  await rm(folder, { recursive: true });
}
