import { createRequire } from 'node:module';
import { Command, InvalidArgumentError, Option } from 'commander';
import { type Action, LOG_LEVELS } from './call.js';
import { addApply } from './commands/apply.js';
import { addCompare } from './commands/compare.js';
import { addCompletion } from './commands/completion.js';
import { addDoctor } from './commands/doctor.js';
import { addEngine } from './commands/engine.js';
import { addEval } from './commands/eval.js';
import { addExport } from './commands/export.js';
import { addGenerate } from './commands/generate.js';
import { addInspect } from './commands/inspect.js';
import { addPlan } from './commands/plan.js';
import { addPlugins } from './commands/plugins.js';
import { addPrune } from './commands/prune.js';
import { addReport } from './commands/report.js';
import { addRun } from './commands/run.js';
import { addSchema } from './commands/schema.js';
import { addTokenize } from './commands/tokenize.js';
import { addTrain } from './commands/train.js';
import { examples } from './examples.js';
import { count, each, positive } from './option-values.js';

/** The commands in the order in which help lists them. */
const COMMANDS = [
  addRun,
  addCompare,
  addReport,
  addInspect,
  addPlan,
  addPrune,
  addApply,
  addTrain,
  addEval,
  addGenerate,
  addTokenize,
  addExport,
  addPlugins,
  addSchema,
  addDoctor,
  addEngine,
  addCompletion,
];

const ENGINES = ['tensorflow', 'webgpu', 'wasm', 'cpu'];

/** The command line as commander reads it; nothing runs yet. */
export function buildProgram(action: Action, output: { writeOut: (text: string) => void; columns: number | undefined }): Command {
  const { version } = createRequire(import.meta.url)('../package.json') as { version: string };
  const program = new Command('chop')
    .description('Makes language models smaller: open, plan, apply, train, evaluate, save.')
    .usage('<command> [options]')
    .version(version, '-V, --version', 'the version')
    .helpOption('-h, --help', 'this help')
    .helpCommand('help [command]', 'help for a command')
    .configureHelp({ showGlobalOptions: true, ...(output.columns ? { helpWidth: output.columns } : {}) })
    .configureOutput({ writeOut: output.writeOut, writeErr: () => {}, outputError: () => {} })
    .exitOverride();
  for (const option of everywhere()) program.addOption(option);
  for (const add of COMMANDS) add(program, action);
  return program.addHelpText(
    'after',
    `${examples('chop inspect embedded', 'chop prune layer-chop hf:org/name --set keep=15 --out half', 'chop train half --data text.jsonl --tokens 50M --out recovered')}

MODEL is a Hugging Face folder, a .gguf file, hf:org/name[@revision], or embedded (a small model that ships with chop).
DATA is a file or glob of .txt, .jsonl, .json, also .gz or .zst, or of .parquet (#field chooses the field); weights by a.jsonl=3 b.txt=1;
a data set of the hub as hf:org/name[:config][/split][#field];
or embedded (text to train on) and embedded:valid (text that the embedded model has not seen).`,
  );
}

function everywhere(): Option[] {
  return [
    new Option('--plugin <package>', "load a third party's package from your project (repeatable)").argParser(each),
    new Option('--json', 'one JSON object on standard output, and nothing else there'),
    new Option('--quiet', 'neither progress nor messages'),
    new Option('--seed <n>', 'seed of whatever is random').argParser(count),
    new Option('--engine <name>', `what computes: ${ENGINES.join(', ')}; left out, the fastest that is there`).argParser(engineName),
    new Option('--threads <n>', 'threads of one operation').argParser(positive),
    new Option('--memory-limit <size>', 'refuse work that will need more memory, such as 4GB; native TensorFlow stops at it'),
    new Option('--force', 'replace what is there already'),
    new Option('--log-level <level>', 'how much is told').choices(LOG_LEVELS).default('info'),
  ];
}

function engineName(text: string): string {
  if (!ENGINES.includes(text)) throw new InvalidArgumentError(`Allowed choices are ${ENGINES.join(', ')}.`);
  return text;
}
