import { spawnSync } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = dirname(fileURLToPath(import.meta.url));

/** A process may take so long; the slowest, six tasks by lm-eval, takes four minutes on two quiet cores. */
const LIMIT_MS = 15 * 60_000;

/**
 * What a process of ours or of a peer prints as its last line: how long each run of the work took, and the most memory that it held.
 *
 * @typedef {{ seconds: number[], peakBytes: number }} Told
 * A row that `needs` a feature of the processor (a flag of /proc/cpuinfo) is not run where that lacks.
 *
 * @typedef {{ work: string, needs?: string, unit: string, amount: number, flops?: number, bytes?: number, ours: string[], peer?: string[], peerName?: string, lower?: boolean }} Row
 */

/**
 * Runs both sides of a row, alternating, and reduces them to medians.
 *
 * @param {Row} row - `amount`: units of one run (tokens, weights); `flops`, `bytes`: of one run, for the share of the machine's roof.
 * @param {Record<string, string>} setting - what stands for `{model}`, `{gguf}`, … in a command, and the program `python`.
 */
export async function measure(row, setting, { rounds, machine }) {
  const sides = { ours: [], ...(row.peer ? { peer: [] } : {}) };
  for (let round = 0; round < rounds; round++)
    for (const [side, told] of Object.entries(sides)) {
      told.push(tell(row[side], setting));
      process.stderr.write(`  ${side}: ${median(told.at(-1).seconds).toFixed(3)} s, ${(told.at(-1).peakBytes / 1e9).toFixed(2)} GB\n`);
    }
  const ours = summary(sides.ours, row);
  const peer = sides.peer && summary(sides.peer, row);
  const ratios = sides.peer?.map((told, round) => median(told.seconds) / median(sides.ours[round].seconds));
  const roofs = [...(row.flops ? [row.flops / machine.productFlops] : []), ...(row.bytes ? [row.bytes / machine.copyBytes] : [])];
  const shareOfRoof = roofs.length > 0 ? Math.max(...roofs) / ours.seconds : undefined;
  return { ...row, ours, peer, ratio: ratios && median(ratios), ratios, memoryRatio: peer && ours.peakBytes / peer.peakBytes, shareOfRoof, rounds: sides };
}

/** @returns {Told} */
function tell([command, ...args], setting) {
  const place = (word) => word.replaceAll(/\{(\w+)\}/g, (_, name) => (name === 'here' ? HERE : setting[name]));
  const program = command === 'python' ? setting.python : command === 'node' ? process.execPath : command;
  // Some systems pin a kernel of numpy's own library by these.
  const { OPENBLAS_CORETYPE: _, ...environment } = process.env;
  const { status, stdout, stderr } = spawnSync(program, args.map(place), { env: environment, encoding: 'utf8', timeout: LIMIT_MS, maxBuffer: 1 << 26 });
  if (status !== 0) throw new Error(`${[command, ...args].join(' ')} ended with ${status}: ${stderr.slice(-2000)}`);
  return JSON.parse(stdout.trim().split('\n').at(-1));
}

function summary(told, { amount, unit }) {
  const seconds = median(told.map((one) => median(one.seconds)));
  return { seconds, perSecond: amount / seconds, unit, peakBytes: median(told.map((one) => one.peakBytes)) };
}

/** @param {readonly number[]} values */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}
