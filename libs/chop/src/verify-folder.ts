import { createRequire } from 'node:module';
import { type Checkpoint, checkTensors, type Dtype, fromStorage, OutputError } from '@chop/core';
import { openFolder, type TensorSource } from '@chop/formats';
import { startEngine } from '@chop/kernels';
import { compareLogits } from './compare-logits.js';
import { engineOptions, memoryFor } from './memory-limit.js';
import type { OpenModel } from './opened.js';
import { through } from './rounded-inputs.js';
import { logitsOf } from './stored-logits.js';
import { BYTES_IN_USE, probeIds, type Verified, type VerifyRequest } from './verify.js';

const { version } = createRequire(import.meta.url)('../package.json') as { version: string };

/** Models up to this size (as float32) are run once more: a second or two. Of larger ones, and beyond a memory limit, the bytes are compared, in pieces. */
const RUN_BYTES = 1e9;
/** The same weights through the same kernels: only a processor's own choice of an order of sums may differ. */
const SHARE = 1e-6;

/**
 * Opens a model folder that was written, compares every byte of its weights with what they were written from, and its logits with the model's.
 * The program that reads such folders is Python, which is never used here.
 *
 * @throws {@link OutputError} `EXPORT_DIFFERS`
 * @throws {@link CheckpointError} what opening it throws.
 */
export async function verifyFolder(
  opened: OpenModel,
  { path, file, tensors }: { readonly path: string; readonly file: string; readonly tensors: readonly TensorSource[] },
  request: VerifyRequest,
): Promise<Verified> {
  if (request.verify === 'none') return { skipped: 'not asked for' };
  const { family, blueprint, checkpoint } = opened;
  const raw = await openFolder(path);
  try {
    for (const [done, tensor] of tensors.entries()) {
      request.onProgress?.({ phase: 'verify', done, total: tensors.length });
      await compareBytes(tensor, raw, file);
    }
    const written = { family, blueprint: family.blueprint(raw.config), checkpoint: fromStorage(family, raw) };
    checkTensors(written.blueprint, written.checkpoint, family.ignores);
    const chop = { runtime: 'chop', version } as const;
    const runs = 4 * blueprint.parameters <= RUN_BYTES && memoryFor(BYTES_IN_USE * blueprint.parameters, request.memoryLimit) === undefined;
    if (!runs) return { ...chop, compared: 'bytes', maxDifference: 0, tolerance: 0 };
    await startEngine(engineOptions(request));
    const ids = probeIds(blueprint.axes.size('vocab'));
    const dtypes = new Map<string, Dtype>(tensors.map(({ name, dtype }) => [name, dtype]));
    const { values: found } = await logitsOf(written, ids, { weight: (values) => values }, request);
    const expected = await logitsOf({ family, blueprint, checkpoint }, ids, { weight: (values, { name }) => through(dtypes.get(name)!, values) }, request);
    return { ...chop, compared: 'bytes and logits', ...compareLogits(found, expected, { ids, share: SHARE, reader: 'chop on the written folder', file }) };
  } finally {
    await raw.close();
  }
}

/** @throws {@link OutputError} `EXPORT_DIFFERS` at the first byte of a tensor that is not what was written. */
async function compareBytes({ name, pieces }: TensorSource, written: Checkpoint, file: string): Promise<void> {
  let from = 0;
  for await (const expected of pieces()) {
    let at = 0;
    for await (const found of written.stream(name, from, from + expected.byteLength)) {
      if (Buffer.compare(found, expected.subarray(at, at + found.byteLength)) !== 0)
        throw new OutputError('EXPORT_DIFFERS', {
          file,
          found: `other bytes of ${name} than were written, between ${from + at} and ${from + at + found.byteLength}`,
          expected: 'the same ones',
          remedy: 'Nothing was written. The disk or its controller may be failing; write it again.',
        });
      at += found.byteLength;
    }
    from += expected.byteLength;
  }
}
