/** An op of the addon, as `runtime.cc` tells it. */
export interface NativeOp {
  readonly name: string;
  /** In order. One like `xs*N` takes every input whose name begins with `xs`, be it none, and tells their number as N; lists come last. */
  readonly inputs: readonly string[];
  /** All float. */
  readonly attributes: readonly string[];
  readonly outputs: number;
  /** Where it has a kernel: `CPU`, and in the addon of the variant `cuda` also `GPU`. */
  readonly devices: readonly string[];
}

/** What the addon exports. */
export interface Addon {
  readonly level: string;
  readonly ops: readonly NativeOp[];
  /** Of TensorFlow's allocator, once an op has run. */
  memory(): { readonly inUse: number; readonly peak: number } | undefined;
  /** Keeps a program (see `native/program.h`) and returns its number. */
  defineProgram(ops: readonly string[], code: Float64Array): number;
  forgetProgram(number: number): void;
}

/** The inputs of an op in its order: those that it names, then those of its lists; and how long the lists are. */
export function orderedInputs<T extends object>(
  { inputs: wanted }: NativeOp,
  inputs: Readonly<Record<string, T | undefined>>,
): { readonly given: T[]; readonly lengths: Readonly<Record<string, number>> } {
  const lists = wanted.filter((name) => name.includes('*')).map((name) => name.split('*') as [string, string]);
  const single = wanted.slice(0, wanted.length - lists.length);
  const listed = lists.map(([list, length]) => [length, Object.keys(inputs).filter((key) => key.startsWith(list) && !single.includes(key))] as const);
  return {
    given: [...single, ...listed.flatMap(([, keys]) => keys)].map((key) => inputs[key]!),
    lengths: Object.fromEntries(listed.map(([length, keys]) => [length, keys.length])),
  };
}
