import { type Checkpoint, type Dtype, elementCount, OutputError } from '@chop/core';
import { reencode, saveFolder, type TensorSource } from '@chop/formats';
import { modelCard } from './card.js';
import { LINEAGE_FILE, type Lineage } from './lineage.js';
import type { Common, FloatName, WrittenResult } from './verbs.js';

const DTYPES: Readonly<Record<FloatName, Dtype>> = { f32: 'F32', f16: 'F16', bf16: 'BF16' };

export function dtypeNamed(name: FloatName): Dtype {
  return DTYPES[name];
}

/** Companions that tell of the step that wrote them, and not of what is made from its model. */
const OF_ONE_STEP = ['training.jsonl', 'plan.json'];

export interface SaveRequest extends Pick<Common, 'signal' | 'onProgress'> {
  readonly out: string;
  readonly force?: boolean | undefined;
  /** Stored dtype; by default as it is. */
  readonly dtype?: Dtype | undefined;
  readonly lineage: Lineage;
  /** Files of this step alone. */
  readonly beside?: Checkpoint['companions'];
}

/** Writes a checkpoint as a Hugging Face folder, streamed; a file or folder that is there already is refused without `force`. */
export async function saveModel(checkpoint: Checkpoint, { out, force, dtype, lineage, beside, signal, onProgress }: SaveRequest): Promise<WrittenResult> {
  if (out === '') throw new OutputError('OUTPUT_MISSING', { found: 'no output folder', expected: 'a folder to be made', remedy: 'Give --out DIR.' });
  const started = performance.now();
  const parameters = [...checkpoint.tensors.values()].reduce((sum, { shape }) => sum + elementCount(shape), 0);
  const companions = new Map([
    ...[...checkpoint.companions].filter(([name]) => !OF_ONE_STEP.includes(name)),
    ...(beside ?? []),
    [LINEAGE_FILE, async () => new TextEncoder().encode(`${JSON.stringify(lineage, undefined, 1)}\n`)] as const,
  ]);
  const saved = await saveFolder(
    out,
    {
      config: checkpoint.config,
      tensors: [...checkpoint.tensors.values()].map((info) => source(checkpoint, info.name, dtype ?? info.dtype)),
      companions,
      card: modelCard(lineage, parameters),
    },
    {
      ...(force ? { force } : {}),
      ...(signal ? { signal } : {}),
      onProgress: ({ bytes, totalBytes }) => onProgress?.({ phase: 'write', done: bytes, total: totalBytes }),
    },
  );
  return { out: saved.folder, parameters: saved.parameters, bytes: saved.bytes, files: saved.files, seconds: (performance.now() - started) / 1000 };
}

function source(checkpoint: Checkpoint, name: string, dtype: Dtype): TensorSource {
  const info = checkpoint.tensors.get(name)!;
  return {
    name,
    shape: info.shape,
    dtype,
    pieces: () => (dtype === info.dtype ? checkpoint.stream(name) : reencode(checkpoint.stream(name), info.dtype, dtype)),
  };
}
