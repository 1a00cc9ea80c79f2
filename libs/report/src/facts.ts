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

/** How times spread, in milliseconds. */
export interface SpreadFacts {
  readonly p10: number;
  readonly median: number;
  readonly p90: number;
  readonly p99: number;
}

/** One kind of work in its steady state. */
export interface WorkFacts {
  /** Of all texts together, at the median. */
  readonly tokensPerSecond: number;
  readonly milliseconds: SpreadFacts;
  /** Floating-point operations, counted from the model's shape. */
  readonly flops: number;
}

/** How many times as fast as the model that took turns with it: the median over pairs of runs, and how far they lay apart. */
export type SpeedUpFacts = Pick<SpreadFacts, 'p10' | 'median' | 'p90'>;

/** One batch and context. */
export interface SettingFacts {
  readonly batch: number;
  /** Tokens of each prompt. */
  readonly context: number;
  /** Reading the prompts. */
  readonly prefill: WorkFacts;
  /** Writing a token of each text. */
  readonly decode: WorkFacts;
  /** Reading the prompts and writing all tokens. */
  readonly query: SpreadFacts;
  /** What the texts hold in memory beside the weights. */
  readonly textBytes: number;
  /** Measured in turns with another model; absent where it took no turns. */
  readonly speedUps?: { readonly prefill: SpeedUpFacts; readonly decode: SpeedUpFacts; readonly query: SpeedUpFacts };
}

/** A model that was timed. */
export interface TimedFacts {
  readonly name: string;
  readonly settings: readonly SettingFacts[];
  readonly weightBytes: number;
  /** The most that the engine has held in this process so far: whatever it timed, and trained before. */
  readonly peakBytes?: number;
}

/** When a method has earned back what it cost: all measured, the query in turns with the base. */
export interface PaidFacts {
  readonly name: string;
  readonly pruneSeconds: number;
  readonly recoverySeconds: number;
  /** The query: so many prompts of so many tokens, read and written on. */
  readonly batch: number;
  readonly context: number;
  readonly baseMilliseconds: number;
  readonly milliseconds: number;
  readonly speedUp: SpeedUpFacts;
  /** Queries after which the saved time is the cost; absent where that never comes. */
  readonly queries?: number;
}

/** Which weights a training kept that watched a score. */
export interface BestFacts {
  /** Seen when they were measured. */
  readonly tokens: number;
  readonly score: string;
  /** Whether training ended before its tokens did. */
  readonly stopped: boolean;
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
  readonly best?: BestFacts;
  readonly timed?: readonly TimedFacts[];
  readonly paid?: PaidFacts;
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
  /** Texts of the data; left away where its licence does not let them be shown. */
  readonly question?: string;
  readonly gold?: string;
  readonly first?: string;
  readonly second?: string;
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
  /** What the writer of the page says of it. */
  readonly note?: string;
  readonly nextCommand?: string;
}
