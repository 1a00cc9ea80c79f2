import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openFolder, packedConfig } from '@chop/formats';
import { safetensorsBytes } from '../edited-json.mjs';
import { drain, reader, scratch } from '../oracle.mjs';
import { llamaConfig, packedHeaders } from '../seeds.mjs';

const [folder, turned] = [join(scratch, 'packed'), join(scratch, 'packed-turned')];
for (const [place, isTurned] of [
  [folder, false],
  [turned, true],
]) {
  mkdirSync(place);
  writeFileSync(join(place, 'config.json'), JSON.stringify(packedConfig(llamaConfig, isTurned)));
}

/** A folder of packed 2:4 weights, as they are and as transposes. */
export const fuzz = reader(async (data) => {
  const place = data.length % 2 === 0 ? folder : turned;
  writeFileSync(join(place, 'model.safetensors'), safetensorsBytes(data, packedHeaders));
  const checkpoint = await openFolder(place);
  try {
    await drain(checkpoint);
  } finally {
    await checkpoint.close();
  }
});
