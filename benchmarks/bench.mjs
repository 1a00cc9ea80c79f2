/**
 * `npm run bench [-- row …] [--rounds 3] [--out FILE]`: chop beside its peers on the same work, in one run. Each round starts a process of chop and one of the
 * peer, one after the other; a row reports the medians over rounds and their ratio. Writes `benchmarks/results/bench.json` (with the machine's facts) and
 * prints a Markdown table.
 */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { machineFacts } from './machine.mjs';
import { measure } from './measure.mjs';
import { llama, python, smollm2 } from './peers.mjs';
import { markdownTable } from './table.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '3' }, out: { type: 'string', default: join(HERE, 'results', 'bench.json') } },
});
const names = readdirSync(join(HERE, 'rows'))
  .filter((file) => file.endsWith('.mjs'))
  .map((file) => file.slice(0, -'.mjs'.length));
const unknown = positionals.find((name) => !names.includes(name));
if (unknown) throw new Error(`No row ${unknown}: ${names.join(', ')}`);

const chosen = positionals.length > 0 ? positionals : names;
const machine = await machineFacts();
const program = await python();
const setting = { python: program, ...(await smollm2(program)), node: await llama() };
const rows = [];
for (const name of chosen) {
  const { row } = await import(`./rows/${name}.mjs`);
  process.stderr.write(`${name}: ${row.work}\n`);
  const lacking = row.needs && !machine.features.includes(row.needs);
  rows.push({
    name,
    ...(lacking ? { ...row, absent: `not on this processor (no ${row.needs})` } : await measure(row, setting, { rounds: Number(values.rounds), machine })),
  });
}
const out = resolve(values.out);
mkdirSync(dirname(out), { recursive: true });
writeFileSync(out, `${JSON.stringify({ date: new Date().toISOString(), machine, rows }, null, 2)}\n`);
process.stdout.write(markdownTable(machine, rows));
process.stderr.write(`Numbers of every round: ${out}\n`);
