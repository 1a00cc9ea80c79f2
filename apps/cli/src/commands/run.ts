import type { CommandDefinition } from '../definition.js';
import { bytes, columns, count, duration } from '../format.js';

export const run: CommandDefinition = {
  name: 'run',
  description: 'the whole road of a recipe, into a run folder',
  examples: ['chop run recipes/quick-start.yaml', 'chop run my-recipe.yaml --out runs/second-try --seed 2', 'chop run my-recipe.yaml --resume'],
  define(command) {
    command.argument('<recipe>', 'a recipe (YAML)').option('--out <dir>', 'the run folder (default: runs/NAME)').option('--resume', 'go on with a run that was cut off');
    return async (context, [recipe], { out, resume }) => {
      const chop = await context.chop();
      const result = await chop.run(recipe!, { ...context.common(), ...(out ? { out: String(out) } : {}), ...(resume ? { resume: true } : {}) });
      context.print(result, () => {
        const measured = result.steps.flatMap(({ evaluation }) => (evaluation ? [evaluation] : []));
        const rows = measured.map(({ name, parameters, bytes: size, layers, perplexity, latency }) => [
          name,
          count(parameters),
          bytes(size),
          String(layers),
          perplexity ? perplexity.value.toFixed(2) : '–',
          perplexity?.bitsPerByte ? perplexity.bitsPerByte.toFixed(3) : '–',
          latency ? latency.prefill.tokensPerSecond.toFixed(0) : '–',
          latency ? latency.decode.tokensPerSecond.toFixed(0) : '–',
        ]);
        const table = columns([['', 'parameters', 'bytes', 'layers', 'perplexity', 'bits/byte', 'prefill tokens/s', 'decode tokens/s'], ...rows], [1, 2, 3, 4, 5, 6, 7]);
        const samples = measured.flatMap(({ name, sample }) => (sample ? [`${name}: ${sample.text.replaceAll('\n', ' ')}`] : []));
        return [
          '',
          ...(rows.length > 0 ? [table, ''] : []),
          ...(samples.length > 0 ? [...samples, ''] : []),
          `Done in ${duration(result.seconds)}.`,
          `model    ${result.model}`,
          ...(result.report ? [`report   ${result.report}`] : []),
          `numbers  ${result.files.join('  ')}`,
          '',
          'The same with your own model: put its folder, GGUF file or hf:org/name in place of `model:` in a copy of the recipe, or step by step:',
          '  npx chop prune layer-chop MODEL --set keep=15 --out smaller',
          "  npx chop train smaller --data 'corpus/*.jsonl' --tokens 10M --out recovered",
        ].join('\n');
      });
    };
  },
};
