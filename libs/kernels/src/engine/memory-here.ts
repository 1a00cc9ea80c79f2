import { readFileSync } from 'node:fs';
import { freemem, totalmem } from 'node:os';
import { join } from 'node:path';

/** Memory of the machine, or of the container that the process is in, in bytes. */
export interface MemoryHere {
  readonly total: number;
  /** What may still be taken, file pages that the system gives up for it included. */
  readonly free: number;
}

/** How much memory there is, and how much of it is free. */
export function memoryHere(): MemoryHere {
  const limit = process.constrainedMemory?.() ?? 0;
  const available = (process as { availableMemory?: () => number }).availableMemory?.() ?? freemem();
  if (limit === 0 || limit >= totalmem()) return { total: totalmem(), free: Math.min(available, totalmem()) };
  return { total: limit, free: Math.min(available + filePages(), limit) };
}

/**
 * Bytes of files that the process's control group keeps in memory. They count towards its limit, and Node.js takes them for used: who has read or written a large
 * model would have nothing left.
 *
 * @param root - of the file system.
 */
export function filePages(root = '/'): number {
  const read = (...path: string[]): string | undefined => {
    try {
      return readFileSync(join(root, ...path), 'utf8');
    } catch {
      return undefined;
    }
  };
  for (const line of (read('proc/self/cgroup') ?? '').split('\n')) {
    const [, controllers, group] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (group === undefined || (controllers !== '' && controllers !== 'memory')) continue;
    // Version 2 has one tree, version 1 one for memory; a container may see its own group as the root of either.
    const tree = join('sys/fs/cgroup', controllers!);
    const statistics = read(tree, group, 'memory.stat') ?? read(tree, 'memory.stat');
    if (statistics !== undefined) return bytesOf(statistics, 'inactive_file') + bytesOf(statistics, 'active_file');
  }
  return 0;
}

function bytesOf(statistics: string, name: string): number {
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(statistics)?.[1] ?? 0);
}
