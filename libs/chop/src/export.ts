import { nearest, type Parts, UsageError } from '@chop/core';
import { openModel } from './opened.js';
import { dtypeNamed, saveModel } from './save.js';
import type { Common, FloatName, WrittenResult } from './verbs.js';

const FORMATS = ['hf'];

export interface ExportRequest extends Common {
  readonly format: string;
  readonly out: string;
  readonly dtype?: FloatName;
  readonly force?: boolean;
}

/** `chop export`: a model in another dtype or format, streamed. */
export async function exportModel(parts: Parts, model: string, { format, dtype, ...request }: ExportRequest): Promise<WrittenResult> {
  if (!FORMATS.includes(format))
    throw new UsageError('FORMAT_UNKNOWN', { found: `format ${format}`, expected: FORMATS.join(', '), remedy: `Did you mean ${nearest(format, FORMATS)}?` });
  const opened = await openModel(parts, model, request);
  const lineage = await opened.lineage();
  const made = [...lineage.made, `Written as a Hugging Face folder${dtype ? ` in ${dtype}` : ''}.`];
  const written = await saveModel(opened.checkpoint, { ...request, dtype: dtype && dtypeNamed(dtype), lineage: { ...lineage, made } });
  await opened.checkpoint.close();
  return written;
}
