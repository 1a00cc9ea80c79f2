/** How well a model does a task. */
export interface TaskScore {
  readonly name: string;
  /** `acc`, `acc_norm`, `word_perplexity` … */
  readonly metric: string;
  readonly value: number;
  /** Standard error of `value`. */
  readonly stderr?: number;
  /** Examples. */
  readonly n: number;
}

/** One model of a run, measured: before, cut, recovered … */
export interface VariantFacts {
  readonly name: string;
  readonly parameters: number;
  /** Of its weights on disk. */
  readonly bytes: number;
  readonly layers: number;
  readonly perplexity?: number;
  readonly bitsPerByte?: number;
  readonly prefillTokensPerSecond?: number;
  readonly decodeTokensPerSecond?: number;
  readonly tasks?: readonly TaskScore[];
  /** Tokens that it was trained on since the run's first model; 0 for that one. */
  readonly trainingTokens?: number;
  /** Spent on cutting and training since the run's first model; measuring does not count. */
  readonly seconds?: number;
  /** What it writes after `prompt`. */
  readonly sample?: { readonly prompt: string; readonly text: string };
  readonly note?: string;
}

/** A step of training. */
export interface CurvePoint {
  readonly step: number;
  /** Seen so far, from the start of the run. */
  readonly tokens: number;
  /** Spent so far. */
  readonly seconds: number;
  /** In nats per token. */
  readonly loss: number;
}

/** A score measured during training. */
export interface EvaluationPoint {
  readonly name: string;
  /** Seen so far. */
  readonly tokens: number;
  readonly value: number;
}

/** Indices that stayed, of `total`. */
export interface Kept {
  readonly total: number;
  readonly kept: readonly number[];
}

/** What is left of an axis. */
export interface AxisCut extends Kept {
  /** `ffn`, `kv`, `head` (query heads), `width` … */
  readonly axis: string;
  /** The layer whose axis it is, by its number in the model before; absent where all layers share it. */
  readonly at?: number;
}

/** How many elements of a weight are left unmasked. */
export interface MaskCut {
  readonly weight: string;
  readonly kept: number;
  readonly total: number;
}

/** What one step took away. */
export interface CutFacts {
  /** The step, or the model that it left. */
  readonly name: string;
  /** In words. */
  readonly plan?: string;
  readonly layers?: Kept;
  readonly axes?: readonly AxisCut[];
  readonly masks?: readonly MaskCut[];
}

/** Where the numbers were measured. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly threads: number;
  readonly memoryBytes: number;
  readonly engine: string;
  readonly node: string;
  readonly platform: string;
}

/** What one run did, and what it takes to do it again. */
export interface RunFacts {
  readonly name: string;
  /** As the user named it: `embedded`, a folder, a file, a hub id. */
  readonly model: string;
  readonly seconds: number;
  /** In the order of the run. */
  readonly variants: readonly VariantFacts[];
  readonly curves: readonly { readonly name: string; readonly points: readonly CurvePoint[] }[];
  readonly evaluations: readonly EvaluationPoint[];
  readonly cuts: readonly CutFacts[];
  /** YAML, every default explicit. */
  readonly recipe: string;
  /** Absent where the run's folder does not tell. */
  readonly machine?: Machine;
  readonly seeds: Readonly<Record<string, number>>;
  readonly versions: Readonly<Record<string, string>>;
  readonly outputs: readonly { readonly label: string; readonly path: string }[];
}

/** An example that one of two models has right and the other has not. */
export interface Flip {
  readonly id: string | number;
  readonly question?: string;
  readonly gold: string;
  readonly first: string;
  readonly second: string;
  readonly right: 'first' | 'second';
}

/** Two models on the same examples. */
export interface PairedFacts {
  /** Names of variants. */
  readonly first: string;
  readonly second: string;
  readonly task: string;
  readonly metric: string;
  /** Examples. */
  readonly n: number;
  /** The second's score less the first's. */
  readonly difference: number;
  /** Where the difference lies, with this confidence. */
  readonly interval: readonly [low: number, high: number];
  readonly confidence: number;
  /** Of McNemar's test; absent where scores are not right or wrong. */
  readonly p?: number;
  /** Examples that only the one has right. */
  readonly onlyFirst?: number;
  readonly onlySecond?: number;
  /** Examples that would tell a difference of this size. */
  readonly examplesNeeded?: number;
  readonly flips: readonly Flip[];
}

/** All that a report tells. A number that is not finite counts as not measured. */
export interface ReportFacts {
  readonly title: string;
  /** ISO 8601. */
  readonly created: string;
  /** One or more. Ratios are to the first variant of the first; names of variants are shown as they are. */
  readonly runs: readonly RunFacts[];
  readonly comparisons?: readonly PairedFacts[];
  readonly nextCommand?: string;
}
