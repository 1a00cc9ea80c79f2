import type { CommandDefinition } from '../definition.js';
import { bytes, count, duration } from '../format.js';

export const apply: CommandDefinition = {
  name: 'apply',
  description: 'a plan, streamed from checkpoint to checkpoint',
  examples: ['chop apply plan.json embedded --out smaller', 'chop apply plan.json hf:HuggingFaceTB/SmolLM2-135M --out smaller --json'],
  define(command) {
    command.argument('<plan>', 'a plan written by chop plan').argument('<model>', 'the model it was made for').requiredOption('--out <dir>', 'the folder of the smaller model');
    return async (context, [plan, model], { out }) => {
      const result = await (await context.chop()).apply(plan!, model!, { ...context.common(), out: String(out) });
      context.print(result, () => `${result.explanation}\n${result.out}: ${count(result.parameters)} parameters, ${bytes(result.bytes)}, written in ${duration(result.seconds)}`);
    };
  },
};

export const exportModel: CommandDefinition = {
  name: 'export',
  description: 'a model in another dtype or format',
  examples: ['chop export model.gguf --format hf --out folder', 'chop export recovered --format hf --dtype bf16 --out final'],
  define(command) {
    command.argument('<model>', 'a model').requiredOption('--format <name>', 'hf (a Hugging Face folder)').requiredOption('--out <dir>', 'the folder to be written').option('--dtype <name>', 'f32, f16 or bf16');
    return async (context, [model], { format, out, dtype }) => {
      const { UsageError } = await import('@chop/core/error');
      if (dtype !== undefined && !['f32', 'f16', 'bf16'].includes(String(dtype))) throw new UsageError('OPTION_VALUE', { found: `--dtype ${String(dtype)}`, expected: 'f32, f16 or bf16' });
      const result = await (await context.chop()).export(model!, { ...context.common(), format: String(format), out: String(out), ...(dtype ? { dtype: dtype as 'f32' } : {}) });
      context.print(result, () => `${result.out}: ${count(result.parameters)} parameters, ${bytes(result.bytes)}, written in ${duration(result.seconds)}`);
    };
  },
};
