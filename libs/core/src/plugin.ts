import { ContainerModule } from 'inversify';
import type { ZodType, z } from 'zod';

/** The version of what plugins and core expect of each other. A plugin carries the one it was built with. */
export const CONTRACT = 1;

/** Keys of what the container binds: stable across copies of core. */
export const BOUND = {
  family: Symbol.for('@chop/core/Model'),
  pruner: Symbol.for('@chop/core/Pruner'),
  distiller: Symbol.for('@chop/core/Distiller'),
  evaluator: Symbol.for('@chop/core/Evaluator'),
} as const;

/** The four things that the container binds. */
export type PluginKind = keyof typeof BOUND;

/** A part that `compose` can take in. */
export interface Plugin {
  readonly kind: PluginKind;
  readonly pluginName: string;
  readonly contract: number;
  readonly module: ContainerModule;
}

/** A method with its options, as a script writes it: `layerChop({ keep: 15 })`. */
export interface Configured<M> {
  readonly method: M;
  readonly options: unknown;
}

/** A plugin that is also the function with which scripts give its options. */
export type MethodPlugin<M, Schema extends ZodType> = Plugin & { readonly method: M } & (Record<string, never> extends z.input<Schema>
    ? (options?: z.input<Schema>) => Configured<M>
    : (options: z.input<Schema>) => Configured<M>);

/** What every method tells of itself. One schema gives its options' type, check, flags, defaults and docs. */
export interface Described<O> {
  readonly name: string;
  /** One sentence, with the paper. */
  readonly description: string;
  readonly options: ZodType<O>;
}

/** Wraps a part in the module that the container loads. */
export function plugin(kind: PluginKind, pluginName: string, value: unknown): Plugin {
  // A block body: a load function that returns a value is taken for an asynchronous one.
  const module = new ContainerModule(({ bind }) => {
    bind(BOUND[kind]).toConstantValue(value);
  });
  return { kind, pluginName, contract: CONTRACT, module };
}

/** What the definition of every method says. */
export interface Definition<Schema extends ZodType> {
  readonly name: string;
  /** One sentence, with the paper. */
  readonly description: string;
  /** One schema gives the options' type, check, flags, defaults and docs. */
  readonly options: Schema;
}

/** The concrete method of an abstract contract, as a plugin which is also the function that takes its options. */
export function methodPlugin<M extends { readonly name: string }, Schema extends ZodType>(
  kind: PluginKind,
  contract: abstract new () => M,
  members: Definition<Schema> & Omit<M, keyof Definition<Schema>>,
): MethodPlugin<M, Schema> {
  const method = Object.assign(Object.create(contract.prototype as object), members) as M;
  const configure = (options?: unknown): Configured<M> => ({ method, options: options ?? {} });
  return Object.assign(configure, plugin(kind, method.name, method), { method }) as unknown as MethodPlugin<M, Schema>;
}
