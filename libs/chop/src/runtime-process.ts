import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { EngineError, InterruptedError, OutputError } from '@chop/core';
import type { FoundRuntime } from './runtimes.js';

const CHILD = fileURLToPath(new URL('../runtimes/child.mjs', import.meta.url));

/** A runtime that has not answered for so long hangs: the largest models that fit a machine are read from its disk within it. */
const ANSWER_MILLISECONDS = 10 * 60_000;
/** Of what a runtime wrote on standard error: the end, where its reason stands. */
const KEPT_CHARACTERS = 2000;

/** A model file or folder, and its precision in chop's words. */
export interface WrittenModel {
  readonly path: string;
  readonly dtype: string;
}

/** Reads the next tokens of one text. @returns float32 `[tokens, vocab]`: logits after each of them. */
export type ReadTokens = (ids: readonly number[]) => Promise<Float32Array>;

/** What the process says: one answer to each question. */
type Answer = { readonly loaded: true } | { readonly opened: true } | { readonly logits: Float32Array } | { readonly error: string };

/**
 * Opens a model in a runtime, in a process of its own: a crash of native code is an error here. The process ends with the work.
 *
 * @throws {@link EngineError} `RUNTIME_BROKEN` when the runtime itself does not load.
 * @throws {@link OutputError} `EXPORT_UNREADABLE` when it does not take the model, or ends while it reads.
 * @throws {@link InterruptedError} when the signal fires.
 */
export async function withRuntime<T>(
  runtime: FoundRuntime,
  { path, dtype }: WrittenModel,
  { signal, file = path }: { readonly signal?: AbortSignal | undefined; readonly file?: string },
  work: (read: ReadTokens) => Promise<T>,
): Promise<T> {
  if (signal?.aborted) throw new InterruptedError();
  const child = fork(CHILD, [], { serialization: 'advanced', stdio: ['ignore', 'ignore', 'pipe', 'ipc'], execArgv: [] });
  let said = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-KEPT_CHARACTERS)));
  let loaded = false;
  const failure = (found: string): Error => {
    const who = `${runtime.name} ${runtime.version}`;
    if (signal?.aborted) return new InterruptedError({ found: `${who} was interrupted` });
    if (!loaded)
      return new EngineError('RUNTIME_BROKEN', {
        file: runtime.folder,
        found: `${who} that does not load: ${found}`,
        expected: 'a runtime that works here',
        remedy: 'Install it again, or write without a look: --no-verify.',
      });
    return new OutputError('EXPORT_UNREADABLE', {
      file,
      found: `${who}, which does not take the model: ${found}`,
      expected: 'a model that opens where it is meant for',
      remedy: 'Nothing was written. Tell us; --no-verify writes it all the same.',
    });
  };
  const ask = (question: object, isAnswer: (answer: Answer) => boolean): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const settle = (end: () => void): void => {
        clearTimeout(timer);
        child.off('message', hear).off('exit', ended).off('error', failed);
        end();
      };
      const hear = (answer: Answer): void => {
        if ('loaded' in answer) loaded = true;
        if ('error' in answer) settle(() => reject(failure(answer.error)));
        else if (isAnswer(answer)) settle(() => resolve(answer));
      };
      const ended = (code: number | null, by: string | null): void => settle(() => reject(failure(`its process ended (${by ?? code}) ${said}`.trim())));
      const failed = (error: Error): void => settle(() => reject(failure(error.message)));
      const timer = setTimeout(() => settle(() => reject(failure(`no answer for ${ANSWER_MILLISECONDS / 60_000} minutes`))), ANSWER_MILLISECONDS);
      child.on('message', hear).on('exit', ended).on('error', failed);
      child.send(question);
    });
  const stop = (): void => void child.kill('SIGKILL');
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const { name, folder, package: packageName } = runtime;
    await ask({ open: { runtime: name, folder, name: packageName, model: path, dtype } }, (answer) => 'opened' in answer);
    return await work(async (ids) => ((await ask({ read: [...ids] }, (answer) => 'logits' in answer)) as { logits: Float32Array }).logits);
  } finally {
    signal?.removeEventListener('abort', stop);
    stop();
  }
}
