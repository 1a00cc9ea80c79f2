import { type Blueprint, ChopError, type Configured, type Family, type Pruner, UsageError } from '@chop/core';

/** Whether a program will take a model, and why not; or what it will store otherwise than asked. */
export interface LoaderVerdict {
  readonly loader: LoaderName;
  readonly loads: boolean;
  readonly why?: string;
  readonly note?: string;
}

type Model = { readonly family: Family; readonly blueprint: Blueprint };
/** Says what is in the way, or nothing. */
type Check = (model: Model) => string | undefined;

/** What a program asks of a model, and in which steps its sizes are whole blocks of weights. */
interface Loader {
  readonly format: 'hf' | 'gguf' | 'onnx';
  readonly checks: readonly Check[];
  /** Elements of a block along a row: q8_0 and q4_0 of llama.cpp, and MatMulNBits as chop writes it. */
  readonly block: number;
}

/** Families that are in no library but chop. */
const OURS = ['palm-like'];

const isKnown: Check = ({ family }) => (OURS.includes(family.name) ? `the family ${family.name}, which only chop knows` : undefined);

/** One number for all layers. */
const isUniform =
  (axes: readonly string[], reason: string): Check =>
  ({ blueprint: { axes: sizes } }) => {
    const uneven = axes.find((axis) => sizes.rules[axis] !== undefined && sizes.common(axis) === undefined);
    return uneven === undefined ? undefined : `layers of different ${uneven}: ${reason}`;
  };

/** Rotary positions turn pairs of a head's elements. */
const hasPairs: Check = ({ blueprint: { axes } }) => {
  const inner = axes.rules['inner'] && axes.common('inner');
  return inner !== undefined && inner % 2 === 1 ? `heads of ${inner} elements, which are no whole pairs` : undefined;
};

/** Elements of a head that ONNX Runtime's grouped-query attention takes together (`head_size must be a multiple of 8`, seen in 1.30). */
const HEAD_ELEMENTS = 8;
const hasWholeHeads: Check = ({ blueprint: { axes } }) => {
  const inner = axes.rules['inner'] && axes.common('inner');
  return inner !== undefined && inner % HEAD_ELEMENTS !== 0 ? `heads of ${inner} elements: its attention takes multiples of ${HEAD_ELEMENTS}` : undefined;
};

/** What the family itself says of its form in GGUF files. */
const hasLayout: Check = ({ family, blueprint }) => {
  if (family.gguf?.layout === undefined) return `the family ${family.name}, which chop does not write as GGUF`;
  try {
    family.gguf.layout(blueprint);
    return undefined;
  } catch (error) {
    if (error instanceof ChopError) return error.facts.found;
    throw error;
  }
};

/**
 * Who reads what chop writes. transformers: `modeling_llama.py` and its kin (4.57; 5.15, whose configs read `per_layer_config`) build every layer from the same numbers of the config. llama.cpp: as
 * the family's layout has it. transformers.js: `getCacheNames` makes the cache's shapes from the config's heads; the graph brings its own FFN.
 * ONNX Runtime takes the graph as it is, with heads that its attention takes.
 */
const LOADERS = {
  transformers: {
    format: 'hf',
    checks: [
      isKnown,
      isUniform(['ffn', 'kv', 'group', 'head', 'inner'], 'its models are built from one number for all, whatever per_layer_config says'),
      hasPairs,
    ],
    block: 1,
  },
  'llama.cpp': { format: 'gguf', checks: [hasLayout, hasPairs], block: 32 },
  'transformers.js': {
    format: 'onnx',
    checks: [isKnown, isUniform(['kv', 'group', 'head', 'inner'], 'its cache is made from one number for all'), hasWholeHeads],
    block: 32,
  },
  onnxruntime: { format: 'onnx', checks: [hasWholeHeads], block: 32 },
} as const satisfies Readonly<Record<string, Loader>>;

/** A program that reads what chop writes. */
export type LoaderName = keyof typeof LOADERS;
/** The names of all of them. */
export const LOADER_NAMES = Object.keys(LOADERS) as readonly LoaderName[];

/** The axes whose sizes are lengths of rows. */
const ROWS = ['width', 'ffn'];

const PACKED = 'packed 2:4 weights, which only chop reads';

/**
 * Who will take a model of these sizes, each in its own format. Nothing is computed.
 *
 * @param format - how it is written: no other program reads the folders of `packed`.
 */
export function loadersOf(model: Model, format?: string): LoaderVerdict[] {
  return LOADER_NAMES.map((loader): LoaderVerdict => {
    const { format: own, checks, block } = LOADERS[loader];
    const isPacked = format === 'packed' && own === 'hf';
    const why = isPacked ? PACKED : checks.map((check: Check) => check(model)).find((found) => found !== undefined);
    const odd = ROWS.find((axis) => isOdd(model.blueprint, axis, block));
    return {
      loader,
      loads: why === undefined,
      ...(why === undefined ? {} : { why }),
      ...(why === undefined && odd !== undefined ? { note: `${odd} is no multiple of ${block}: blocks of 8 and 4 bits are stored as floats there` } : {}),
    };
  });
}

/** What the programs that read a format say of the model. */
export function readersOf(format: string, verdicts: readonly LoaderVerdict[]): LoaderVerdict[] {
  const own = format === 'packed' ? 'hf' : format;
  return verdicts.filter(({ loader }) => LOADERS[loader].format === own);
}

function isOdd({ axes }: Blueprint, axis: string, block: number): boolean {
  if (axes.rules[axis] === undefined) return false;
  const sizes = axes.rules[axis].perLayer ? Array.from({ length: axes.layers }, (_, at) => axes.size(axis, at)) : [axes.size(axis)];
  return sizes.some((size) => size % block !== 0);
}

/** A method whose sizes, where it chooses any (it has an option `multiple`, which nobody gave), are whole blocks of each of these programs. */
export function inWholeBlocks<M extends Pruner>({ method, options }: Configured<M>, wanted: readonly LoaderName[]): Configured<M> {
  const { shape = {} } = method.options as { readonly shape?: Readonly<Record<string, unknown>> };
  const multiple = Math.max(1, ...wanted.map((loader) => LOADERS[loader].block));
  return 'multiple' in shape ? { method, options: { multiple, ...(options as object) } as typeof options } : { method, options };
}

/**
 * That each of these programs takes the model.
 *
 * @throws {@link UsageError} `LOADER_REFUSES`: which one, and why.
 */
export function checkLoaders(model: Model, wanted: readonly LoaderName[]): void {
  const refused = loadersOf(model).find(({ loader, loads }) => wanted.includes(loader) && !loads);
  if (refused === undefined) return;
  throw new UsageError('LOADER_REFUSES', {
    found: refused.why ?? refused.loader,
    expected: `a model that ${refused.loader} loads`,
    remedy: 'Choose other sizes, or leave it out of --for.',
    loader: refused.loader,
  });
}
