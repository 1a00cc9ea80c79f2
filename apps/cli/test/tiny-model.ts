import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Config, fromFloat32, Random } from '@chop/core';
import { saveFolder, type TensorSource } from '@chop/formats';
import { llama } from '@chop/models';

/** The tokenizer that ships with chop: a model of its vocabulary needs no other. */
const TOKENIZER = fileURLToPath(new URL('../../../libs/chop/embedded/', import.meta.url));
const TOKENIZER_FILES = ['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json'];

/** A Llama of 74,000 parameters, nearly all of them embeddings. */
export const TINY: Config = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  vocab_size: 4096,
  hidden_size: 16,
  intermediate_size: 32,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 4,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  tie_word_embeddings: true,
};

/** Weights of a random model, N(0, 0.1²); gains of norms 1. */
export function tinyTensors(config: Config = TINY): (TensorSource & { values: Float32Array })[] {
  return [...llama.family.blueprint(config).weights.values()].map(({ name, shape }) => {
    const random = Random.of(1, name);
    const values = Float32Array.from({ length: shape.reduce((product, size) => product * size, 1) }, () => (shape.length === 1 ? 1 : 0.1 * random.normal()));
    return {
      name,
      shape,
      values,
      dtype: 'F32' as const,
      async *pieces() {
        yield fromFloat32(values, 'F32');
      },
    };
  });
}

/** Writes such a model as a Hugging Face folder. */
export async function writeTinyModel(folder: string, config: Config = TINY, options: { shardBytes?: number } = {}): Promise<string> {
  const companions = new Map(TOKENIZER_FILES.map((name) => [name, () => readFile(join(TOKENIZER, name))] as const));
  await saveFolder(folder, { config, tensors: tinyTensors(config), companions }, options);
  return folder;
}
