import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { familyOf } from '@chop/core';
import { writeSafetensors } from '@chop/formats';
import { jsonText } from '../edited-json.mjs';
import { expectThat, reader, scratch } from '../oracle.mjs';
import { composed, openModel } from '../parts.mjs';
import { configs, llamaConfig } from '../seeds.mjs';

const folder = join(scratch, 'model');
mkdirSync(folder);
const { weights } = familyOf(composed.parts, llamaConfig, 'seed').blueprint(llamaConfig);
await writeSafetensors(
  join(folder, 'model.safetensors'),
  [...weights.values()].map(({ name, shape }) => ({
    name,
    shape,
    dtype: 'F32',
    pieces: async function* () {
      yield new Uint8Array(4 * shape.reduce((product, size) => product * size, 1));
    },
  })),
);

export const fuzz = reader(async (data) => {
  const text = jsonText(data, configs);
  writeFileSync(join(folder, 'config.json'), text);
  const [opened, failure] = await openModel(composed.parts, folder).then(
    (model) => [model],
    (error) => [undefined, error],
  );
  await opened?.close();
  // Sizes that the weights do not have are refused there; what the config means by itself must hold all the same.
  const config = tryParse(text);
  if (config !== null && typeof config === 'object' && !Array.isArray(config)) {
    const blueprint = familyOf(composed.parts, config, 'config.json').blueprint(config);
    expectThat(blueprint.parameters > 0, `${blueprint.parameters} parameters`);
    if (blueprint.axes.layers > 1) expectThat(blueprint.keep('layer', undefined, [0]).axes.layers === 1, 'a layer was not cut');
  }
  if (failure) throw failure;
});

function tryParse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
