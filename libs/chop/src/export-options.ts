import { nearest, UsageError } from '@chop/core';
import { z } from 'zod';
import { RUNTIME_NAMES, RUNTIMES } from './runtimes.js';
import { GGUF_DTYPES } from './save-gguf.js';
import { ONNX_DTYPES } from './save-onnx.js';
import { FLOAT_DTYPES } from './stored-tensor.js';
import { VERIFY_MODES } from './verify.js';

const FLOATS = Object.keys(FLOAT_DTYPES);
/** The formats in which models are written, and what each of them stores weights as. */
export const FORMATS = { hf: FLOATS, packed: FLOATS, gguf: GGUF_DTYPES, onnx: ONNX_DTYPES } as const;
/** A format in which models are written. */
export type FormatName = keyof typeof FORMATS;

const NAMES = Object.keys(FORMATS) as FormatName[];
const DTYPES = [...new Set(Object.values(FORMATS).flat())];
const perFormat = Object.entries(FORMATS).map(([format, dtypes]) => `${format}: ${dtypes.join(', ')}`);

/** What is said of an export, as far as a format has to have it. */
export interface ExportChoice {
  readonly format?: string | undefined;
  readonly dtype?: string | undefined;
  readonly runtime?: string | undefined;
}

/** The keys of a step that exports: the options of `chop export`. Which names go together is {@link checkExport}'s. */
export const exportStep = z.strictObject({
  format: z.string().default('hf').meta({ enum: NAMES, description: 'as `chop export` has it' }),
  dtype: z
    .string()
    .default('f16')
    .meta({ enum: DTYPES, description: `precision of the weights (${perFormat.join('; ')})` }),
  verify: z.enum(VERIFY_MODES).default('auto').describe('whether what was written is opened again: where its runtime is there, always, or not'),
  runtime: z.enum(RUNTIME_NAMES).optional().describe('the runtime that must open it'),
});

/**
 * That there is such a format, that it has the dtype, and that the runtime reads it.
 *
 * @throws {@link UsageError} `FORMAT_UNKNOWN`, `DTYPE_UNKNOWN`, `RUNTIME_FORMAT`; the fact `option` names which of them it is about.
 */
export function checkExport({ format = 'hf', dtype, runtime }: ExportChoice): void {
  if (!isFormat(format))
    throw new UsageError('FORMAT_UNKNOWN', {
      found: `format ${format}`,
      expected: NAMES.join(', '),
      remedy: `Did you mean ${nearest(format, NAMES)}?`,
      option: 'format',
    });
  const dtypes: readonly string[] = FORMATS[format];
  if (dtype !== undefined && !dtypes.includes(dtype))
    throw new UsageError('DTYPE_UNKNOWN', { found: `dtype ${dtype} for format ${format}`, expected: dtypes.join(', '), option: 'dtype' });
  const readers: readonly string[] = RUNTIME_NAMES.filter((name) => RUNTIMES[name].format === format);
  if (runtime !== undefined && !readers.includes(runtime))
    throw new UsageError('RUNTIME_FORMAT', {
      found: `runtime ${runtime} for format ${format}`,
      expected: readers.join(' or ') || 'none: chop opens such a folder itself',
      option: 'runtime',
    });
}

function isFormat(name: string): name is FormatName {
  return Object.hasOwn(FORMATS, name);
}
