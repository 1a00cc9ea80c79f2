import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { python } from '../peers.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
/** Of llama.cpp's `enum llama_ftype`. */
const FILE_TYPE = { q8_0: 7, q4_0: 2, q4_k_m: 15 };

/** Precisions that llama.cpp's own quantiser makes, too. */
export const QUANTISED = Object.keys(FILE_TYPE);

/**
 * llama.cpp's `llama_model_quantize`, by the library in the package of binaries beside node-llama-cpp (its `folder`): `(dtype, { floats, theirs, ours })` makes
 * `theirs` of a file in float32, and tells `{ tensors, types, bytes }`: what `ours`, which chop made, has in common with it.
 */
export async function llamaQuantiser(folder) {
  const program = await python();
  const place = join(folder, '../@node-llama-cpp');
  const [platform] = readdirSync(place);
  const [bins] = readdirSync(join(place, platform, 'bins'));
  return (dtype, { floats, theirs, ours }) => {
    const asked = [join(HERE, '../peers/quantise.py'), join(place, platform, 'bins', bins), floats, theirs, String(FILE_TYPE[dtype]), ours];
    const said = execFileSync(program, asked, { stdio: ['ignore', 'pipe', 'ignore'], encoding: 'utf8' });
    return JSON.parse(said.trim().split('\n').at(-1));
  };
}

/** Perplexity of a GGUF file as chop reads it: blocks as the floats that they stand for. */
export async function perplexityInChop(chop, model, { data, window, windows }) {
  const scores = await chop.evaluate({ model }, { perplexity: { data: [data], window, windows } });
  return scores.model.perplexity.value;
}
