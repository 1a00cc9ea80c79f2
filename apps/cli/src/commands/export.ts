import { type Command, Option } from 'commander';
import type { SaveRequest } from '@chop/chop';
import type { Action } from '../call.js';
import { examples } from '../examples.js';
import { given } from '../given.js';
import { addVerifyOptions, type VerifyFlags, verifyRequest } from '../verify-options.js';

/** Floats, blocks of GGUF files, blocks of ONNX files. */
const DTYPES = ['f32', 'f16', 'bf16', 'q8_0', 'q4_0', 'q4_k_m', 'q8', 'q4', 'q4f16'] as const satisfies readonly SaveRequest['dtype'][];

export function addExport(program: Command, action: Action): void {
  const command = program
    .command('export')
    .summary('writes a model in another format or precision')
    .description('Writes a model as other programs read it, opens it there again, and compares its logits, before it gets its name.')
    .argument('<model>', 'MODEL')
    .option(
      '--format <name>',
      'hf: a folder for Hugging Face transformers; packed: one for chop, 2:4 weights as values and indices; gguf: a file for llama.cpp; onnx: a folder for ONNX Runtime and transformers.js',
      'hf',
    )
    .addOption(new Option('--dtype <name>', 'precision of the weights; as stored if not given').choices(DTYPES))
    .requiredOption('-o, --out <folder>', 'the folder or file to be made');
  addVerifyOptions(command)
    .addHelpText(
      'after',
      examples(
        'chop export model.gguf --format hf --out model',
        'chop export tuned --format hf --dtype bf16 --out release',
        'chop export sparse --format packed --out sparse-packed',
        'chop export tuned --format gguf --dtype q4_k_m --out tuned.gguf',
        'chop export tuned --format onnx --verify required --runtime transformers.js --out tuned-onnx',
      ),
    )
    .action(
      action<Pick<SaveRequest, 'dtype'> & VerifyFlags & { format: string; out: string }>(async (call, [model], { format, dtype, out, ...flags }) => {
        const result = await (await call.chop()).save(model!, out, { ...call.common, format, ...given({ dtype }), ...verifyRequest(flags), ...call.force });
        return { result, text: async () => (await import('../written-text.js')).writtenText(result) };
      }),
    );
}
