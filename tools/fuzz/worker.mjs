/** One target in a process of its own. The parent tells it what to do, watches time and memory, and looks at `current` when it has died. */
import { createHash } from 'node:crypto';
import { ftruncateSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { register } from 'node:module';
import { join } from 'node:path';
import { PLACES } from './instrument.mjs';
import { mutated, randomOf } from './mutate.mjs';

/** Counts are told apart by their size only, as AFL does: 1, 2, 3, 4–7, 8–15, 16–31, 32–127, more. */
const BUCKETS = Uint8Array.from({ length: 256 }, (_, n) => (n === 0 ? 0 : n < 4 ? 1 << (n - 1) : n < 8 ? 8 : n < 16 ? 16 : n < 32 ? 32 : n < 128 ? 64 : 128));
const REPORT_MS = 200;

const { target, runs, seconds, seed, work, findings, current, corpus, inputBytes, memoryBytes } = JSON.parse(process.argv[2]);
const reached = (globalThis.reached = new Uint8Array(PLACES));
const seen = new Uint8Array(PLACES);
register('./loader.mjs', import.meta.url);
const { fuzz } = await import(`./targets/${target}.mjs`);
for (const folder of [work, findings]) mkdirSync(folder, { recursive: true });

const place = openSync(current, 'w');
const random = randomOf(seed);
const words = readFileSync(new URL('./words.txt', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => Buffer.from(JSON.parse(`"${line}"`), 'latin1'));
const pool = [];
const told = new Map(readdirSync(findings).map((name) => [name.split('.')[0], true]));
const state = { executed: 0, first: 0, covered: 0, pool: 0, findings: [] };
let last = Buffer.alloc(0);
const began = performance.now();
let reportAt = 0;
for (const event of ['unhandledRejection', 'warning']) process.on(event, (error) => found(error, event));

for (const folder of [corpus, work]) for (const input of inputsOf(folder)) await attempt(input, true);
state.first = state.covered;
while (state.executed < runs && (seconds === undefined || performance.now() - began < 1000 * seconds)) {
  const parent = pool[random(4) ? random(pool.length) : pool.length - 1 - random(Math.min(16, pool.length))];
  await attempt(mutated(parent, { random, words, other: pool[random(pool.length)], limit: inputBytes }), false);
}
report(true);

async function attempt(input, kept) {
  last = input;
  ftruncateSync(place, input.length);
  writeSync(place, input, 0, input.length, 0);
  reached.fill(0);
  try {
    await fuzz(input);
  } catch (error) {
    found(error);
  }
  state.executed++;
  if (process.resourceUsage().maxRSS * 1024 > memoryBytes) {
    found(new Error(`more than ${memoryBytes / 2 ** 20} MB of memory`), 'memory');
    report(true);
    process.exit(1);
  }
  if (isNew() || kept) {
    pool.push(input);
    if (!kept) writeFileSync(join(work, nameOf(input)), input);
  }
  report(false);
}

/** Whether the run reached something, or something as often, as none before it. */
function isNew() {
  let news = false;
  for (let at = 0; at < PLACES; at++) {
    if (reached[at] === 0) continue;
    const bucket = BUCKETS[reached[at]];
    if (seen[at] === 0) state.covered++;
    if ((seen[at] & bucket) === 0) news = true;
    seen[at] |= bucket;
  }
  return news;
}

/** Keeps an input whose end is no explanation; one of each kind. */
function found(error, event) {
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const where = /(?:libs|node_modules|tools\/fuzz\/targets)\/[^\s):]+/.exec(stack.slice(stack.indexOf('\n    at ')))?.[0] ?? '';
  const kind = createHash('sha256')
    .update(
      `${error?.name}${String(error?.message ?? error)
        .replaceAll(/\d+|"[^"]*"/g, '')
        .slice(0, 60)}${where}`,
    )
    .digest('hex')
    .slice(0, 12);
  if (told.has(kind)) return;
  told.set(kind, true);
  const file = join(findings, `${kind}.input`);
  writeFileSync(file, last);
  writeFileSync(join(findings, `${kind}.txt`), `${event ?? ''} ${stack}\n`);
  state.findings.push({ what: `${event ? `${event}: ` : ''}${stack.split('\n').slice(0, 2).join(' ').slice(0, 300)}`, file });
}

function inputsOf(folder) {
  try {
    return readdirSync(folder)
      .sort()
      .map((name) => readFileSync(join(folder, name)));
  } catch {
    return [];
  }
}

function nameOf(input) {
  return createHash('sha256').update(input).digest('hex').slice(0, 16);
}

function report(now) {
  const at = performance.now();
  if (!now && at < reportAt) return;
  reportAt = at + REPORT_MS;
  process.send?.({ ...state, pool: pool.length });
}
