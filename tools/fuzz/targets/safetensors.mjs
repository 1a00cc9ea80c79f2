import { openSafetensors } from '@chop/formats';
import { safetensorsBytes } from '../edited-json.mjs';
import { drain, placed, reader } from '../oracle.mjs';
import { safetensorsHeaders } from '../seeds.mjs';

export const fuzz = reader(async (data) => {
  const file = await openSafetensors(placed('model.safetensors', safetensorsBytes(data, safetensorsHeaders)));
  try {
    await drain(file);
  } finally {
    await file.close();
  }
});
