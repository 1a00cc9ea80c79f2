import { createContext, Script } from 'node:vm';

/** For what takes milliseconds on a machine that is free: enough for one that is not. */
const BASE_MS = 10_000;
/** Bytes that a slow unpacker makes in a millisecond. */
const BYTES_PER_MS = 5000;

/** Runs something that computes and does not wait; `bytes`: how many come of it. What it throws is thrown. */
export type TimeLimited = <T>(run: () => T, bytes?: number) => T;

/**
 * Runs that end. Decoders are written for good data: some of them turn in a circle on bytes that are none.
 *
 * @throws Error after ten seconds, and one for every five megabytes that come of it.
 */
export function timeLimited(baseMs = BASE_MS): TimeLimited {
  const script = new Script('run()');
  const context = createContext({ run: undefined as unknown });
  return <T>(run: () => T, bytes = 0): T => {
    const timeout = baseMs + Math.ceil(bytes / BYTES_PER_MS);
    context['run'] = run;
    try {
      return script.runInContext(context, { timeout }) as T;
    } catch (error) {
      if ((error as NodeJS.ErrnoException | undefined)?.code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
      throw new Error(`unpacking has not ended after ${timeout / 1000} s`, { cause: error });
    } finally {
      context['run'] = undefined;
    }
  };
}
