import type { EngineName } from '@chop/kernels';

/** How far a long piece of work has come. */
export interface Progress {
  readonly phase: string;
  readonly done?: number;
  readonly total?: number;
  /** `loss 5.12 · 3,204 tokens/s · 0:41 left` */
  readonly detail?: string;
}

/** What every verb that computes takes. */
export interface Common {
  readonly engine?: EngineName;
  readonly threads?: number;
  /** `4GB`, or bytes: what will need more is refused before it starts; native TensorFlow stops at it. */
  readonly memoryLimit?: number | string;
  readonly seed?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
  readonly onMessage?: (line: string) => void;
}

/** What a verb takes that puts tasks to models. */
export interface Cached {
  /** Whether answers to tasks are looked up in the user's cache folder and kept there; not if not given. (The command line does.) */
  readonly cache?: boolean;
}
