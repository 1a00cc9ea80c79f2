/** Hooks of Node's module loader: chop's compiled sources, and the libraries that read files for it, count what they run. */
import { instrument, PLACES } from './instrument.mjs';

/** Arithmetic and engines read no files. */
const COUNTED = /\/libs\/(?!kernels\/|report\/|eval\/).*\/dist\/|node_modules\/(@huggingface\/(tokenizers|jinja)|hyparquet|hyparquet-compressors|fzstd)\//;

let next = 0;

export async function load(url, context, nextLoad) {
  const loaded = await nextLoad(url, context);
  if (loaded.format !== 'module' || !COUNTED.test(url)) return loaded;
  const { code, next: free } = instrument(Buffer.from(loaded.source).toString('utf8'), next);
  next = free;
  if (next > PLACES) throw new Error(`${next} places in the modules, room for ${PLACES}`);
  return { ...loaded, source: code };
}
