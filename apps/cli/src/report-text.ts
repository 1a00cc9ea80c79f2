import type { ReportResult } from '@chop/chop';
import { size } from './numbers.js';
import { type Paint, printable } from './paint.js';

/** A report that was written, and what is on it. */
export function reportText({ out, bytes, runs, modelCard }: ReportResult, { bold }: Paint): string {
  return [
    ...runs.map(({ name, models }) => `${printable(name)}  ${models.map(printable).join(', ')}`),
    `${bold(out)}  ${size(bytes)}`,
    ...(modelCard === undefined ? [] : [`${bold(modelCard)}  a section for a model card`]),
  ].join('\n');
}
