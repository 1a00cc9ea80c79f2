/** `node tools/fuzz/corpus.mjs`: writes the seeds of every target into `tools/fuzz/corpus`; other inputs that are there stay. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { familyOf } from '@chop/core';
import { saveFolder } from '@chop/formats';
import { safetensorsFile } from './edited-json.mjs';
import { scratch } from './oracle.mjs';
import { composed, openModel } from './parts.mjs';
import { configs, documents, llamaConfig, packedHeaders, plans, recipes, recipeYaml, safetensorsHeaders, tokenizerConfig, tokenizers } from './seeds.mjs';

const EDITS = 0xed;
const text = (value) => Buffer.from(JSON.stringify(value));

put('config', configs.map(text));
put('tokenizer', tokenizers.map(text));
put('recipe', [...recipes.map(text), Buffer.from(recipeYaml)]);
put('plan', plans.map(text));
put(
  'safetensors',
  safetensorsHeaders.map((header) => safetensorsFile(JSON.stringify(header))),
);
put(
  'packed',
  packedHeaders.map((header) => safetensorsFile(JSON.stringify(header))),
);
put('gguf', [
  await ggufFile({ ...llamaConfig, rope_scaling: null }, 'q8_0'),
  await ggufFile({ ...configs[1], layer_types: undefined, max_window_layers: undefined, use_sliding_window: false }, 'f16'),
]);
put('data', [...documents.map(Buffer.from), gzipSync(documents[0])]);
// Every codec, as pyarrow writes it; what the tests read.
const parquet = join(import.meta.dirname, '../../libs/data/test/parquet');
put(
  'parquet',
  readdirSync(parquet).map((name) => readFileSync(join(parquet, name))),
);

function put(target, inputs) {
  const folder = join(import.meta.dirname, 'corpus', target);
  mkdirSync(folder, { recursive: true });
  // A seed each, and edits that change nothing yet: one per document, with the third byte free to grow.
  const edits = ['gguf', 'data', 'parquet'].includes(target) ? [] : inputs.map((_, index) => Buffer.of(EDITS, index, 1, 0, 4, 0, 7, 0, 1, 9, 13, 0, 6, 30));
  for (const [index, input] of [...inputs, ...edits].entries()) writeFileSync(join(folder, `seed-${index + 1}`), input);
}

/** A GGUF file of a model with weights of nought. */
async function ggufFile(config, dtype) {
  const { weights } = familyOf(composed.parts, config, 'seed').blueprint(config);
  const folder = join(scratch, 'seed');
  await saveFolder(folder, {
    config,
    tensors: [...weights.values()].map(({ name, shape }) => ({
      name,
      shape,
      dtype: 'F32',
      pieces: async function* () {
        yield new Uint8Array(4 * shape.reduce((product, size) => product * size, 1));
      },
    })),
    companions: new Map([
      ['tokenizer.json', async () => text(tokenizers[0])],
      ['tokenizer_config.json', async () => text(tokenizerConfig)],
    ]),
  });
  const opened = await openModel(composed.parts, folder);
  const file = join(scratch, 'seed.gguf');
  await composed.save(opened, file, { format: 'gguf', dtype, force: true });
  await opened.close();
  rmSync(folder, { recursive: true });
  return readFileSync(file);
}
