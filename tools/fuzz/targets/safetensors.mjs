import { openSafetensors } from '@chop/formats';
import { edited } from '../edited-json.mjs';
import { drain, placed, reader } from '../oracle.mjs';
import { safetensorsHeaders } from '../seeds.mjs';

const DATA_BYTES = 64;

export const fuzz = reader(async (data) => {
  const file = await openSafetensors(placed('model.safetensors', fileOf(data)));
  try {
    await drain(file);
  } finally {
    await file.close();
  }
});

/** Edits make a header with its length before it and data behind it; other bytes are the file. */
function fileOf(data) {
  if (data[0] !== 0xed) return data;
  const header = Buffer.from(JSON.stringify(edited(data.subarray(1), safetensorsHeaders)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, Buffer.alloc(DATA_BYTES, 0x3f)]);
}
