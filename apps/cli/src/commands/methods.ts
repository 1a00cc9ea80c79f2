import type { Command } from 'commander';
import type { PlanRequest, PlanResult } from '@chop/chop';
import type { CommandDefinition, Options } from '../definition.js';
import { bytes, count, duration } from '../format.js';
import { collect, parseSet, parseText, parseWhole } from '../values.js';

/** The options of a method and of its calibration text. */
export function methodOptions(command: Command): Command {
  return command
    .option('--set <name=value>', "a method's option (repeatable): --set keep=15 --set layers=[0,2,4]", parseSet)
    .option('--data <data>', 'calibration text: a file or glob, or embedded (repeatable)', collect)
    .option('--samples <n>', 'windows of calibration text', parseWhole)
    .option('--window <n>', 'tokens per window', parseWhole)
    .option('--join <text>', 'text between documents instead of the end-of-text token (\\n is a newline)', parseText);
}

export function methodRequest({ set, data, samples, window, join }: Options): PlanRequest {
  return {
    ...(set ? { set: set as Record<string, unknown> } : {}),
    ...(data ? { data: data as string[] } : {}),
    ...(samples === undefined ? {} : { samples: Number(samples) }),
    ...(window === undefined ? {} : { window: Number(window) }),
    ...(join === undefined ? {} : { join: String(join) }),
  };
}

export const plan: CommandDefinition = {
  name: 'plan',
  description: 'what a method would change, without changing it',
  examples: ['chop plan layer-chop embedded --set keep=4', 'chop plan wanda embedded --data embedded --samples 16 -o plan.json'],
  define(command) {
    methodOptions(command.argument('<strategy>', 'a method: layer-chop, wanda, …').argument('<model>', 'a model')).option('-o, --output <file>', 'write the plan there');
    return async (context, [strategy, model], options) => {
      const chop = await context.chop();
      const planned = await chop.plan(strategy!, model!, { ...context.common(), ...methodRequest(options) });
      const files = options['output'] ? await planned.save(String(options['output'])) : [];
      context.print({ ...planned.summary, ...(files.length > 0 ? { files } : {}) }, () => explain(planned.summary, files));
    };
  },
};

export const prune: CommandDefinition = {
  name: 'prune',
  description: 'plan and apply in one step',
  examples: ['chop prune layer-chop embedded --set keep=4 --out smaller', "chop prune wanda model.gguf --set pattern=2:4 --data corpus.jsonl --samples 16 --window 256 --join '\\n\\n' --out sparse"],
  define(command) {
    methodOptions(command.argument('<strategy>', 'a method: layer-chop, wanda, …').argument('<model>', 'a model')).requiredOption('--out <dir>', 'the folder of the smaller model');
    return async (context, [strategy, model], options) => {
      const chop = await context.chop();
      const result = await chop.prune(strategy!, model!, { ...context.common(), ...methodRequest(options), out: String(options['out']) });
      context.print(result, () => `${result.explanation}\n${result.out}: ${count(result.parameters)} parameters, ${bytes(result.bytes)}, written in ${duration(result.seconds)}`);
    };
  },
};

function explain({ strategy, explanation, bytesBefore, bytesAfter, keep }: PlanResult, files: readonly string[]): string {
  const layers = keep['layer'];
  return [`${strategy}: ${explanation} · ${bytes(bytesBefore)} → ${bytes(bytesAfter)}`, ...(layers ? [`layers that stay: ${layers.join(', ')}`] : []), ...files.map((file) => `written: ${file}`)].join('\n');
}
