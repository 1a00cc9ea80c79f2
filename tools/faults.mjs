/**
 * `npm run faults [-- WRITER… --every N --kills N]`: every writer of chop replaces an old state by a new one on a disk on which the k-th call fails (ENOSPC, EIO,
 * EACCES in turn), then in a process that is killed (-9) at the k-th call, and at the same time as another writer. Afterwards the old state or the new one
 * stands, an error explains itself and leaves nothing behind, and the next run works. `--every N`: only every N-th k, and few pairs; `--kills N`: that many
 * processes of a writer at most.
 */
import { begin, end } from './faults/disk.mjs';
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const CODES = ['ENOSPC', 'EIO', 'EACCES'];
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { every: { type: 'string', default: '1' }, kills: { type: 'string', default: 'Infinity' }, at: { type: 'string' }, base: { type: 'string' } },
});
const { WRITERS } = await import('./faults/writers.mjs');

if (values.base !== undefined) {
  // A process that does nothing but write, and is killed at a call where it was asked for.
  if (values.at !== undefined) begin(values.base, { at: Number(values.at), kill: true });
  await WRITERS[positionals[0]].next(values.base);
  process.exit(0);
}

const problems = [];
let tried = 0;
for (const name of positionals.length > 0 ? positionals : Object.keys(WRITERS)) {
  const { calls, failed, killed, raced } = await explore(name, WRITERS[name]);
  tried += failed + killed + raced;
  console.log(`${name}: ${calls} calls; ${failed} made to fail, ${killed} processes killed, ${raced} pairs of writers`);
}
for (const problem of problems) console.log(`  ${problem}`);
console.log(`${tried} faults, ${problems.length} problems`);
process.exit(problems.length === 0 ? 0 : 1);

async function explore(name, writer) {
  const scratch = mkdtempSync(join(tmpdir(), 'chop-faults-'));
  const [start, base] = [join(scratch, 'start'), join(scratch, 'work')];
  mkdirSync(start);
  await writer.old(start);
  const reset = () => {
    rmSync(base, { recursive: true, force: true });
    cpSync(start, base, { recursive: true });
  };
  reset();
  // Twice: what is made once beside it is there then, and calls are always as many.
  await writer.old(base);
  reset();
  const old = { seen: await writer.view(base), names: readdirSync(base) };
  begin(base);
  await writer.next(base);
  const calls = end();
  const next = { seen: await writer.view(base), names: readdirSync(base) };
  if (old.seen === next.seen) throw new Error(`${name}: the old state and the new one look the same`);
  const [every, kills] = [Number(values.every), Number(values.kills)];
  let failed = 0;
  for (let at = 1; at <= calls.length; at += every, failed++) {
    reset();
    begin(base, { at, code: CODES[at % CODES.length] });
    const error = await writer.next(base).then(
      () => undefined,
      (thrown) => thrown,
    );
    end();
    // What the disk does not let go of is removed by the next process.
    await stands(`${name}, call ${at} (${calls[at - 1]}) fails`, { error, mayHide: calls[at - 1] === 'rm' });
  }
  const step = Math.max(every, Math.ceil(calls.length / kills));
  let killed = 0;
  for (let at = 1 + Math.floor(step / 2); at <= calls.length; at += step, killed++) {
    reset();
    await child(name, base, at);
    await stands(`${name}, killed at call ${at} (${calls[at - 1]})`, { mayHide: true });
  }
  let raced = 0;
  if (every === 1 || name === 'folder' || name === 'plan') {
    reset();
    await Promise.all([child(name, base), child(name, base)]);
    await stands(`${name}, two at once`, { mayHide: true });
    raced++;
  }
  rmSync(scratch, { recursive: true });
  return { calls: calls.length, failed, killed, raced };

  /** The old state or the new one; then a next run that leaves the new one, and nothing else. */
  async function stands(what, { error, mayHide }) {
    if (error !== undefined && typeof error.facts?.found !== 'string') problems.push(`${what}: ${error.stack}`);
    const hidden = readdirSync(base).filter((each) => each.startsWith('.'));
    if (hidden.length > 0 && !mayHide) problems.push(`${what}: left ${hidden.join(', ')}`);
    const seen = await look();
    if (seen !== old.seen && seen !== next.seen) problems.push(`${what}: neither the old state nor the new one (${String(seen).slice(0, 300)})`);
    const again = await writer.next(base).then(
      () => undefined,
      (thrown) => thrown,
    );
    if (again) problems.push(`${what}: the next run fails: ${again.stack}`);
    else if ((await look()) !== next.seen) problems.push(`${what}: the next run leaves another state`);
    const left = readdirSync(base).filter(
      (each) => !next.names.includes(each) && !old.names.includes(each) && !(mayHide && each.includes(`partial-${process.pid}-`)),
    );
    if (left.length > 0) problems.push(`${what}: after the next run there is ${left.join(', ')}`);
  }

  async function look() {
    // What chop does when it opens an output: bring back what a killed process had set aside.
    const { recover } = await import('@chop/formats');
    for (const each of old.names) await recover(join(base, each));
    try {
      return await writer.view(base);
    } catch (error) {
      return error.message;
    }
  }
}

function child(name, base, at) {
  const words = [fileURLToPath(import.meta.url), name, '--base', base, ...(at === undefined ? [] : ['--at', String(at)])];
  const process_ = spawn(process.execPath, words, { stdio: ['ignore', 'ignore', 'inherit'] });
  return new Promise((done) => process_.on('close', done));
}
