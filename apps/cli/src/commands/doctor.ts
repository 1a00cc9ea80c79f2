import type { Check } from '@chop/kernels';
import type { Command } from 'commander';
import type { Action, Call } from '../call.js';
import { examples } from '../examples.js';
import { printable } from '../paint.js';
import type { Verbs } from '../surroundings.js';

/** Engine or hardware is missing. */
const MISSING = 3;

export function addDoctor(program: Command, action: Action): void {
  program
    .command('doctor')
    .summary('looks at what chop depends on here')
    .description('Looks at Node.js, engine, compiler, processor, memory, disk, cache, plugins and the runtimes of exports, and says what to do.')
    .addHelpText('after', examples('chop doctor', 'chop doctor --json'))
    .action(
      action(async (call) => {
        const { diagnoseEngine } = await call.surroundings.engines();
        const checks = [...(await diagnoseEngine({ ...call.surroundings.environment })), ...(await checkParts(call))];
        const ok = checks.every(({ status }) => status !== 'fail');
        return { result: { ok, checks }, text: () => checksText(checks, call), exitCode: ok ? 0 : MISSING };
      }),
    );
}

/** The plugins that are loaded; and the programs in which exported models are opened, where they are. */
async function checkParts(call: Call): Promise<Check[]> {
  const name = 'plugins';
  try {
    const chop = await call.chop();
    const plugins = chop.plugins();
    const packages = new Set(plugins.map((plugin) => plugin.package));
    return [{ name, status: 'ok', found: `${plugins.length} from ${packages.size} packages` }, checkRuntimes(chop)];
  } catch (error) {
    const { message, facts } = error as Error & { facts?: { remedy?: string } };
    return [{ name, status: 'fail', found: message, ...(facts?.remedy === undefined ? {} : { remedy: facts.remedy }) }];
  }
}

function checkRuntimes(chop: Verbs): Check {
  const there = chop.runtimes().map(({ name, version, where }) => `${name} ${version} (${where})`);
  const found = there.length === 0 ? 'none: exports are written without being opened again' : there.join(', ');
  return { name: 'runtimes', status: 'ok', found, remedy: 'Others come by `chop engine install --runtime onnxruntime|transformers.js|llama.cpp`.' };
}

function checksText(checks: readonly Check[], { paint }: Call): string {
  const colour = { ok: paint.green, warn: paint.yellow, fail: paint.red };
  const widest = Math.max(...checks.map(({ name }) => name.length));
  return checks
    .flatMap(({ name, status, found, remedy }) => [
      `${colour[status](status.padEnd(4))}  ${name.padEnd(widest)}  ${printable(found)}`,
      ...(remedy === undefined ? [] : [`${' '.repeat(widest + 8)}${paint.dim(printable(remedy))}`]),
    ])
    .join('\n');
}
