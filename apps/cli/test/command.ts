import { compose } from '@chop/chop';
import { main } from '../src/main.js';

/** What one call of the command line came to. */
export interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one command in this process: an engine is started once and serves all of them. Packages of plugins are looked for in `project`. */
export async function chop(words: readonly string[], project: string): Promise<Outcome> {
  const written = { stdout: '', stderr: '' };
  const stream = (name: keyof typeof written) => ({
    write: (text: string) => {
      written[name] += text;
    },
  });
  const exitCode = await main(['node', 'chop', ...words], {
    stdout: stream('stdout'),
    stderr: stream('stderr'),
    environment: {},
    signals: { on: () => undefined, off: () => undefined },
    exit: (code) => {
      throw new Error(`ended at once with ${code}`);
    },
    compose: ({ plugins }) => compose({ plugins, from: project }),
  });
  return { exitCode, ...written };
}
