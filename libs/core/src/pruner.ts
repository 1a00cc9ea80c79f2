import type { ZodType, z } from 'zod';
import type { Edit } from './edit.js';
import { type Definition, type Described, methodPlugin, type MethodPlugin } from './plugin.js';
import type { Session } from './session.js';

/** What a method must be given: nothing but the model, calibration text, or a training run around it. */
export type Needs = 'nothing' | 'text' | 'training';

/** A method that yields edits. It owns its loop and never touches a weight. */
export abstract class Pruner<O = unknown> implements Described<O> {
  abstract readonly name: string;
  abstract readonly description: string;
  abstract readonly options: ZodType<O>;
  abstract needs(options: O): Needs;
  abstract plan(session: Session, options: O): AsyncGenerator<Edit>;
}

/**
 * A pruner as a plugin. `needs` may depend on the options.
 *
 * @example `export const magnitude = pruner({ name: 'magnitude', description: '…', needs: 'nothing', options: z.object({}), async *plan(session) { … } });`
 */
export function pruner<Schema extends ZodType>({
  needs,
  ...rest
}: Definition<Schema> & {
  readonly needs: Needs | ((options: z.output<Schema>) => Needs);
  plan(session: Session, options: z.output<Schema>): AsyncGenerator<Edit>;
}): MethodPlugin<Pruner<z.output<Schema>>, Schema> {
  return methodPlugin('pruner', Pruner<z.output<Schema>>, { ...rest, needs: typeof needs === 'function' ? needs : () => needs });
}
