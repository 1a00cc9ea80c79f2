import { apply, exportModel } from './commands/apply.js';
import { evaluate } from './commands/eval.js';
import { generate, tokenize } from './commands/generate.js';
import { inspect } from './commands/inspect.js';
import { plan, prune } from './commands/methods.js';
import { run } from './commands/run.js';
import { completion, doctor, engine, plugins, schema } from './commands/surroundings.js';
import { train } from './commands/train.js';
import type { CommandDefinition } from './definition.js';

/** Every command, in the order of help. */
export const COMMANDS: readonly CommandDefinition[] = [run, inspect, plan, prune, apply, train, evaluate, generate, tokenize, exportModel, plugins, schema, doctor, engine, completion];
