import { format, resolveConfig } from 'prettier';

/** Codes by what stands before their first `_`, and what that is. */
const GROUPS = {
  'Models on disk': ['CHECKPOINT', 'CONFIG', 'ARCHITECTURE', 'TOKENIZER', 'CHAT', 'WEIGHT', 'HUB'],
  'Plans and methods': ['PLAN', 'AXIS', 'LAYER', 'METHOD', 'SESSION', 'PRUNER', 'FAMILY', 'DISTILL'],
  'Recipes, options, commands': ['RECIPE', 'OPTION', 'SET', 'ARGUMENT', 'COMMAND', 'SCHEMA', 'FORMAT', 'DTYPE', 'PROMPT', 'COMPARE', 'PLUGIN'],
  'Text and tasks': ['DATA', 'TEXT', 'TASK', 'TASKS', 'BOS', 'EOS', 'CONTEXT', 'EVAL', 'PAIRED', 'BREAK'],
  'Training, runs, reports': ['TRAIN', 'SNAPSHOT', 'RESUME', 'RUN', 'REPORT'],
  Output: ['OUTPUT', 'EXPORT', 'VERIFY', 'RUNTIME'],
  'Engines and memory': ['ENGINE', 'KERNEL', 'GRAPH', 'MEMORY'],
};

/** Groups of what files of others are refused with: every message is shown. */
const READERS = ['Models on disk', 'Plans and methods', 'Recipes, options, commands'];

/** Exit codes by the class of the error, as core/error.ts has them. */
const EXIT = {
  CheckpointError: 2,
  PlanError: 2,
  UsageError: 2,
  DataError: 2,
  PluginError: 2,
  ShapeError: 1,
  EngineError: 3,
  TrainingError: 1,
  OutputError: 1,
  InterruptedError: 130,
};

/** docs/errors.md. */
export async function render(errors, meanings) {
  const left = new Set(errors.keys());
  const sections = Object.entries(GROUPS).map(([title, prefixes]) =>
    section(
      title,
      [...left].filter((code) => prefixes.includes(code.split('_')[0]) && left.delete(code)),
      errors,
      meanings,
    ),
  );
  if (left.size > 0) sections.push(section('Others', [...left], errors, meanings));
  const page = `# Errors

Every error has a stable code, says what was found and what was expected, and what to do. On a terminal: \`chop: CODE: FILE:LINE: found …, expected …. Remedy.\` With \`--json\`, on standard output: \`{ "error": { "code", "message",
"found", "expected", "remedy", "file", … } }\`. In scripts: \`error.code\`, \`error.facts\`; all are \`ChopError\` of \`@chop/core/error\`. Exit codes of the command line: 1 failed, 2 wrong use or bad input, 3 missing engine or hardware, 130 interrupted.

In brackets stands the exit code.

This page is made from the sources by \`node tools/errors.mjs --write\`, and a test holds its codes against theirs; \`…\` stands for what is filled in. Bad files meet the readers' limits, which are named constants beside the readers.

${sections.filter(Boolean).join('\n')}`;
  return format(page, { ...(await resolveConfig('docs/errors.md')), parser: 'markdown' });
}

function section(title, codes, errors, meanings) {
  if (codes.length === 0) return '';
  const rows = codes.map((code) => {
    const places = errors.get(code);
    const kind = places.find(({ kind }) => EXIT[kind] !== undefined)?.kind;
    const exit = ['OUTPUT_EXISTS', 'OUTPUT_FOREIGN'].includes(code) ? 2 : EXIT[kind];
    const told = examples(places).slice(0, READERS.includes(title) ? Infinity : 1);
    return [`- \`${code}\`${exit === undefined ? '' : ` (${exit})`}: ${meanings[code] ?? ''}`, ...told.map((message) => `  - ${plain(message)}`)].join('\n');
  });
  return `## ${title}\n\n${rows.join('\n')}\n`;
}

/** A message of every place that says something of its own, with its remedy. */
function examples(places) {
  const messages = places
    .filter(({ found }) => found)
    .map(({ found, expected, remedy }) => `found ${found}${expected ? `, expected ${expected}` : ''}.${remedy ? ` ${remedy}` : ''}`);
  return [...new Set(messages)];
}

/** As text: nothing in it is Markdown. */
function plain(text) {
  return `\`${text.replaceAll('`', "'").replaceAll('\n', ' ').replaceAll('..', '.').trim()}\``;
}
