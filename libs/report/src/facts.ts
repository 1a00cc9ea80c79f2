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

/** All that the report of a run tells. A number that is not finite counts as not measured. */
export interface RunFacts {
  readonly title: string;
  /** As the user named it: `embedded`, a folder, a file, a hub id. */
  readonly model: string;
  /** ISO 8601. */
  readonly created: string;
  readonly seconds: number;
  /** In the order of the run; ratios are to the first. */
  readonly variants: readonly VariantFacts[];
  readonly curves: readonly { readonly name: string; readonly points: readonly CurvePoint[] }[];
  readonly evaluations: readonly EvaluationPoint[];
  /** The plan in words. */
  readonly plan?: string;
  /** Indices that stayed, of `total` layers. */
  readonly keptLayers?: { readonly total: number; readonly kept: readonly number[] };
  /** YAML, every default explicit. */
  readonly recipe: string;
  readonly machine: Machine;
  readonly seeds: Readonly<Record<string, number>>;
  readonly versions: Readonly<Record<string, string>>;
  readonly outputs: readonly { readonly label: string; readonly path: string }[];
  readonly nextCommand?: string;
}
