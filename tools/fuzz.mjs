/**
 * `npm run fuzz [-- TARGET… --inputs N --seconds N --seed N]`: mutated inputs for the readers, guided by what code they reach. A reader answers or throws an error
 * that explains itself; everything else (another error, more time or memory than the limits) is a finding, whose input is kept in `.fuzz/findings`. Ends with exit
 * code 1 when there is one.
 */
import { fork } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT } from './workspace.mjs';

const FOLDER = join(ROOT, 'tools/fuzz');
const KEPT = join(ROOT, '.fuzz');
/** Time for one input: the slowest reader takes some 20 ms, and unpacking is stopped after ten seconds. A machine may be busy with other things. */
const INPUT_MS = 20_000;
/** Compiling and instrumenting the modules takes some seconds on a busy machine. */
const START_MS = 120_000;
/** Heap for a reader of inputs of some kilobytes. */
const HEAP_MB = 512;
/** Of the whole process; modules and their counts take about 250 MB of it. */
const PROCESS_MB = 1024;
/** Longer inputs reach nothing more and take longer. */
const INPUT_BYTES = 16_384;
/** A target whose process has died so often is mended before it is fuzzed further. */
const MAX_DEATHS = 20;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { inputs: { type: 'string' }, seconds: { type: 'string' }, seed: { type: 'string', default: '1' } },
});
const known = readdirSync(join(FOLDER, 'targets')).map((file) => basename(file, '.mjs'));
const targets = positionals.length > 0 ? positionals : known;
const unknown = targets.find((target) => !known.includes(target));
if (unknown !== undefined) throw new Error(`No target ${unknown}: ${known.join(', ')}.`);
const inputs = Number(values.inputs ?? (values.seconds ? Infinity : 10_000 * targets.length)) / targets.length;
const seconds = values.seconds === undefined ? undefined : Number(values.seconds) / targets.length;

let found = 0;
let all = 0;
for (const target of targets) {
  const began = Date.now();
  const { executed, coverage, findings } = await fuzz(target);
  found += findings.length;
  all += executed;
  console.log(
    `${target}: ${executed} inputs in ${Math.round((Date.now() - began) / 1000)} s, places reached ${coverage[0]} → ${coverage[1]}, ` +
      (findings.length === 0 ? 'no finding' : `${findings.length} findings`),
  );
  for (const { what, file } of findings) console.log(`  ${what}\n    ${file}`);
}
console.log(`${all} inputs, ${found} findings`);
process.exitCode = found === 0 ? 0 : 1;

/** Fuzzes one target; a process that has died is followed by another one with what is left. */
async function fuzz(target) {
  const began = Date.now();
  const result = { executed: 0, coverage: [undefined, 0], findings: [] };
  for (let turn = 0, deaths = 0; deaths < MAX_DEATHS; turn++) {
    const left = seconds === undefined ? undefined : seconds - (Date.now() - began) / 1000;
    if (result.executed >= inputs || (left !== undefined && left <= 0)) break;
    const { executed, first, covered, findings, died } = await turnOf(target, {
      runs: inputs - result.executed,
      seconds: left,
      seed: Number(values.seed) + turn,
    });
    result.executed += executed;
    result.coverage = [result.coverage[0] ?? first, Math.max(result.coverage[1], covered)];
    result.findings.push(...findings);
    if (died === undefined) break;
    deaths++;
  }
  return result;
}

/** One process of a target, from its start to its end. */
async function turnOf(target, { runs, seconds, seed }) {
  const [work, findings] = ['work', 'findings'].map((name) => join(KEPT, name, target));
  for (const folder of [work, findings]) mkdirSync(folder, { recursive: true });
  const current = join(KEPT, `${target}.current`);
  const task = {
    target,
    runs,
    seconds,
    seed,
    work,
    findings,
    current,
    corpus: join(FOLDER, 'corpus', target),
    inputBytes: INPUT_BYTES,
    memoryBytes: PROCESS_MB << 20,
  };
  // Infinity is no JSON.
  const child = fork(join(FOLDER, 'worker.mjs'), [JSON.stringify({ ...task, runs: Math.min(runs, Number.MAX_SAFE_INTEGER) })], {
    execArgv: [`--max-old-space-size=${HEAP_MB}`, '--disable-warning=ExperimentalWarning'],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    cwd: ROOT,
  });
  let last = { executed: 0, first: 0, covered: 0, findings: [] };
  let said = '';
  let hung = false;
  const kill = () => {
    hung = true;
    child.kill('SIGKILL');
  };
  let watch = setTimeout(kill, START_MS);
  child.on('message', (message) => {
    clearTimeout(watch);
    watch = setTimeout(kill, INPUT_MS);
    last = message;
  });
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (said = (said + text).slice(-20_000)));
  const [code, signal] = await new Promise((resolve) => child.on('close', (...end) => resolve(end)));
  clearTimeout(watch);
  if (code === 0) return last;
  if (last.findings.some(({ what }) => what.startsWith('memory'))) return { ...last, died: true };
  if (last.executed === 0 && !existsSync(current)) throw new Error(`The worker of ${target} does not start:\n${said}`);
  const file = join(findings, `${hung ? 'hang' : 'death'}-${Date.now()}.input`);
  copyFileSync(current, file);
  writeFileSync(file.replace(/input$/, 'txt'), said);
  const what = hung
    ? `an input that takes more than ${INPUT_MS} ms`
    : `the process died (${signal ?? code}): ${/FATAL ERROR.*|Error:.*/.exec(said)?.[0] ?? ''}`;
  return { ...last, findings: [...last.findings, { what, file }], died: true };
}
