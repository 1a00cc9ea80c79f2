/** An op of the addon, as `runtime.cc` tells it. */
export interface NativeOp {
  readonly name: string;
  /** In order; one that ends with `*` takes every input whose name begins so, be it none. */
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

/** The inputs of an op in its order: those that it names, then those of its list. */
export function orderedInputs<T extends object>(
  { inputs: wanted }: NativeOp,
  inputs: Readonly<Record<string, T | undefined>>,
): { readonly given: T[]; readonly listed: number | undefined } {
  const list = wanted.at(-1)?.endsWith('*') ? wanted.at(-1)!.slice(0, -1) : undefined;
  const single = list === undefined ? wanted : wanted.slice(0, -1);
  const listed = list === undefined ? [] : Object.keys(inputs).filter((key) => key.startsWith(list) && !single.includes(key));
  return { given: [...single, ...listed].map((key) => inputs[key]!), listed: list === undefined ? undefined : listed.length };
}
