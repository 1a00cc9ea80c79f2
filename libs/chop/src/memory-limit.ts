import { EngineError, UsageError } from '@chop/core';
import { type EngineOptions, memoryHere } from '@chop/kernels';
import type { MemoryForecast } from '@chop/training';
import type { Common } from './request.js';

const UNITS: Readonly<Record<string, number>> = { '': 1, B: 1, KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 };

/**
 * Bytes of `4GB`, `800 MB` or a number; units are powers of ten, as the forecast is told.
 *
 * @throws {@link UsageError} `OPTION_VALUE`
 */
export function limitBytes(given: number | string): number {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)\s*([KMGT]?B?)$/i.exec(String(given).trim()) ?? [];
  const bytes = Number(digits) * (UNITS[unit?.toUpperCase() ?? ''] ?? UNITS[`${unit?.toUpperCase()}B`] ?? NaN);
  if (bytes > 0) return Math.round(bytes);
  throw new UsageError('OPTION_VALUE', {
    found: `a memory limit of ${given}`,
    expected: 'bytes such as 4GB or 800MB',
    remedy: 'For example --memory-limit 4GB.',
  });
}

/** What the program takes beside tensors: of a limit, the rest is the engine's. */
const PROGRAM_BYTES = 0.3e9;

/** What an engine is started with. A limit counts for the engine that it is started with: TensorFlow reads it once. */
export function engineOptions({ engine, threads, memoryLimit }: Common): EngineOptions {
  return {
    ...(engine ? { engine } : {}),
    ...(threads ? { threads } : {}),
    ...(memoryLimit === undefined ? {} : { memoryLimitBytes: Math.max(0, limitBytes(memoryLimit) - PROGRAM_BYTES) }),
  };
}

/** What may be changed so that less memory is needed. */
export interface Savings {
  readonly batchSize?: number;
  readonly window?: number;
  /** Windows of calibration text. */
  readonly samples?: number;
  readonly checkpointBlocks?: boolean;
}

/** Work below it is not worth a word. */
const TOLD_FROM = 1e9;

/** What work may take: the limit, else what is free. In bytes. */
const allowedBytes = (limit: number | string | undefined): number => (limit === undefined ? memoryHere().free : limitBytes(limit));

/** Whether work fits into what it may take. */
export function fitsMemory({ total }: Pick<MemoryForecast, 'total'>, limit: number | string | undefined): boolean {
  return total <= allowedBytes(limit);
}

/**
 * Says what a piece of work will need, and refuses one that would need more than it may: the limit, or what is free where there is none.
 *
 * @throws {@link UsageError} `MEMORY_LIMIT`
 */
export function checkMemory(
  { total }: Pick<MemoryForecast, 'total'>,
  { limit, savings, onMessage }: { limit?: number | string | undefined; savings: Savings; onMessage?: ((line: string) => void) | undefined },
): void {
  if (limit !== undefined || total >= TOLD_FROM) onMessage?.(`will need about ${gigabytes(total)}; ${gigabytes(memoryHere().free)} free`);
  if (fitsMemory({ total }, limit)) return;
  throw new UsageError('MEMORY_LIMIT', {
    found: `work that will need about ${gigabytes(total)}`,
    expected: `at most ${gigabytes(allowedBytes(limit))}${limit === undefined ? ', which are free' : ' (the memory limit)'}`,
    remedy:
      limit === undefined
        ? `${remedy(savings)}; --memory-limit ${gigabytes(total).replace(' ', '')} tries all the same.`
        : `${remedy(savings)}, or raise --memory-limit.`,
  });
}

/**
 * Runs a piece of work, and tells as what it is that the engine has no memory left.
 *
 * @throws {@link EngineError} `MEMORY_EXHAUSTED`
 */
export async function withinMemory<T>({ limit, savings }: { limit?: number | string | undefined; savings: Savings }, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!(cause instanceof Error) || !OUT_OF_MEMORY.test(cause.message)) throw cause;
    throw new EngineError('MEMORY_EXHAUSTED', {
      found: `an engine without memory for what it is asked: ${cause.message
        .split('\n')
        .find((line) => OUT_OF_MEMORY.test(line))!
        .replace(/^Message: /, '')
        .slice(0, MESSAGE_CHARACTERS)}`,
      expected: limit === undefined ? 'enough memory' : `to stay within ${gigabytes(limitBytes(limit))} (the memory limit)`,
      remedy: `${remedy(savings)}${limit === undefined ? '' : ', or raise --memory-limit'}.`,
      cause,
    });
  }
}

/** How TensorFlow's allocator refuses. */
const OUT_OF_MEMORY = /OOM when allocating|RESOURCE_EXHAUSTED|out of memory/i;

/** Of TensorFlow's message, which goes on with its own advice. */
const MESSAGE_CHARACTERS = 160;

function remedy({ batchSize, window, samples, checkpointBlocks }: Savings): string {
  const ways = [
    ...(batchSize !== undefined && batchSize > 1 ? [`a smaller --batch-size (now ${batchSize})`] : []),
    ...(samples === undefined ? [] : [`fewer --samples (now ${samples})`]),
    ...(window === undefined ? [] : [`a smaller --window (now ${window})`]),
    ...(checkpointBlocks === false ? ['--checkpoint-blocks'] : []),
  ];
  return ways.length === 0 ? 'Use a smaller model' : `Try ${ways.join(' or ')}`;
}

/** The error of work that would not fit into memory, or `undefined` where it fits: within the limit, or what is free. */
export function memoryFor(bytes: number, limit: number | string | undefined): EngineError | undefined {
  if (fitsMemory({ total: bytes }, limit)) return undefined;
  return new EngineError('VERIFY_MEMORY', {
    found: `about ${gigabytes(allowedBytes(limit))} of memory`,
    expected: `${gigabytes(bytes)} to open the model again`,
    remedy: 'Use a machine with more memory, or write without a look: --no-verify.',
  });
}

function gigabytes(bytes: number): string {
  return bytes < 1e8 ? `${(bytes / 1e6).toFixed(0)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
