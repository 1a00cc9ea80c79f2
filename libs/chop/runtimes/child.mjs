// A runtime in a process of its own: what its native code does wrong ends this process, and is an error for the one that asked. Told over IPC:
// { open: { runtime, folder, name, model, dtype } } → { opened: true }; { read: [ids] } → { logits: Float32Array [ids, vocab] }, each after what was read before.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

process.once('disconnect', () => process.exit());

/** A probe is short, and threads that wait for each other in circles take seconds of it on a busy machine. */
const THREADS = 1;

/** The reader of the model that was opened. */
let read;

const answers = {
  async open({ runtime, folder, name, model, dtype }) {
    const { open } = await import(`./${runtime}.mjs`);
    const entry = createRequire(join(folder, 'package.json')).resolve(name);
    const loaded = await import(pathToFileURL(entry).href);
    process.send({ loaded: true });
    read = await open(loaded.default ? { ...loaded.default, ...loaded } : loaded, model, { dtype, threads: THREADS });
    return { opened: true };
  },
  read: async (ids) => ({ logits: await read(ids) }),
};

process.on('message', (message) => {
  const [[question, facts]] = Object.entries(message);
  answers[question](facts).then(
    (answer) => process.send(answer),
    (error) => process.send({ error: String(error?.message ?? error) }),
  );
});
