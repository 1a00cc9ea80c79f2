import type { FromScratch, TrainRequest } from '@chop/chop';
import { UsageError } from '@chop/core/error';
import type { CommandDefinition } from '../definition.js';
import { given } from '../definition.js';
import { bytes, count, duration } from '../format.js';
import { collect, parseBetas, parseNumber, parseSet, parseText, parseWhole } from '../values.js';

/** Flags that are options of training under the same name. */
const TRAINING = ['tokens', 'steps', 'batchSize', 'window', 'accumulate', 'order', 'join', 'optimizer', 'lr', 'betas', 'eps', 'weightDecay', 'clip', 'schedule', 'warmupSteps', 'minLrRatio', 'seed', 'evalEvery', 'saveEvery', 'keep', 'documentMask', 'chat'];

export const train: CommandDefinition = {
  name: 'train',
  description: 'continued pretraining, with or without a pruner and a distiller; or from scratch',
  examples: [
    'chop train smaller --data embedded --tokens 1M --out recovered',
    "chop train model.gguf --data 'corpus/*.jsonl' --tokens 50M --prune layer-chop --set keep=15 --set warmupSteps=500 --out half",
    'chop train smaller --data embedded --tokens 1M --distill distill-logits --teacher embedded --out taught',
  ],
  define(command) {
    command
      .argument('[model]', 'a model; not with --from-scratch')
      .requiredOption('--data <data>', 'text to train on: a file or glob, or embedded (repeatable; FILE=weight)', collect)
      .requiredOption('--out <dir>', 'the folder of the trained model')
      .option('--from-scratch <config>', 'begin with random weights of this config.json')
      .option('--tokenizer <folder>', "tokenizer files for --from-scratch (default: the config's folder)")
      .option('--resume', 'go on with a run that was cut off')
      .option('--prune <strategy>', 'a method that prunes while training')
      .option('--set <name=value>', "the pruner's option (repeatable)", parseSet)
      .option('--distill <strategy>', 'a method that adds to the loss')
      .option('--distill-set <name=value>', "the distiller's option (repeatable)", parseSet)
      .option('--teacher <model>', 'whom to learn from')
      .option('--valid <data>', 'text for evaluations during training', collect)
      .option('--calibration <data>', 'text for a pruner that looks at activations (default: --data)', collect)
      .option('--samples <n>', 'windows of calibration text', parseWhole)
      .option('--dtype <name>', "stored dtype of the result: f32, f16 or bf16 (default: the model's)")
      .option('--tokens <n>', 'tokens to train on, or give --steps')
      .option('--steps <n>', 'optimiser steps, or give --tokens', parseWhole)
      .option('--batch-size <n>', 'sequences per step [8]', parseWhole)
      .option('--window <n>', 'tokens per sequence [512]', parseWhole)
      .option('--accumulate <n>', 'batches per step [1]', parseWhole)
      .option('--order <name>', 'shuffled or sequential [shuffled]')
      .option('--join <text>', 'text between documents [the end-of-text token] (\\n is a newline)', parseText)
      .option('--optimizer <name>', 'adamw or lion [adamw]')
      .option('--lr <n>', 'peak learning rate [3e-4]', parseNumber)
      .option('--betas <a,b>', 'memory of the moments [0.9,0.95]', parseBetas)
      .option('--eps <n>', "AdamW's epsilon [1e-8]", parseNumber)
      .option('--weight-decay <n>', 'on matrices only [0.1]', parseNumber)
      .option('--clip <n>', 'largest gradient norm [1.0]', parseNumber)
      .option('--schedule <name>', 'cosine, linear or constant [cosine]')
      .option('--warmup-steps <n>', 'steps to the peak learning rate [2 % of the steps]', parseWhole)
      .option('--min-lr-ratio <n>', 'learning rate at the end, as a share of the peak [0.1]', parseNumber)
      .option('--eval-every <tokens>', 'tokens between two evaluations')
      .option('--save-every <tokens>', 'tokens between two snapshots [a tenth of the run]')
      .option('--keep <n>', 'snapshots kept [2]', parseWhole)
      .option('--document-mask', 'attention does not cross documents')
      .option('--chat', 'jsonl with messages; loss on answers only');
    return async (context, [model], options) => {
      const scratch = options['fromScratch'];
      if ((model === undefined) === (scratch === undefined)) throw new UsageError('COMMAND_LINE', { found: model === undefined ? 'neither a model nor --from-scratch' : 'a model and --from-scratch', expected: 'one of them' });
      if (options['distill'] && !options['teacher']) throw new UsageError('COMMAND_LINE', { found: '--distill without --teacher', expected: 'whom to learn from', remedy: 'Add --teacher MODEL.' });
      const source: string | FromScratch = model ?? { fromScratch: String(scratch), ...(options['tokenizer'] ? { tokenizer: String(options['tokenizer']) } : {}) };
      const result = await (await context.chop()).train(source, { ...context.common(), ...request(options) });
      context.print(result, () =>
        [
          ...(options['prune'] ? [result.explanation] : []),
          `${result.out}: ${count(result.parameters)} parameters, ${bytes(result.bytes)}`,
          `${result.steps} steps, ${count(result.tokens)} tokens, ${result.tokensPerSecond.toFixed(0)} tokens/s, loss ${result.losses[0]?.toFixed(3)} → ${result.losses.at(-1)?.toFixed(3)}, peak memory ${bytes(result.peakBytes)}, ${duration(result.seconds)}`,
        ].join('\n'),
      );
    };
  },
};

function request(options: Readonly<Record<string, unknown>>): Omit<TrainRequest, 'onProgress'> {
  const { prune, set, distill, distillSet, teacher, calibration, samples, valid } = options;
  return {
    data: options['data'] as string[],
    out: String(options['out']),
    options: given(options, TRAINING),
    ...(options['resume'] ? { resume: true } : {}),
    ...(options['dtype'] ? { dtype: options['dtype'] as 'f32' } : {}),
    ...(prune ? { prune: { name: String(prune), set: (set ?? {}) as Record<string, unknown> } } : {}),
    ...(distill ? { distill: { name: String(distill), set: (distillSet ?? {}) as Record<string, unknown>, teacher: String(teacher) } } : {}),
    ...(valid ? { valid: valid as string[] } : {}),
    ...(calibration || samples !== undefined ? { calibration: { ...(calibration ? { data: calibration as string[] } : {}), ...(samples === undefined ? {} : { samples: Number(samples) }) } } : {}),
  };
}
