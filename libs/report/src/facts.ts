/** One model of a run, as it was measured. */
export interface VariantFacts {
  /** `before`, `cut`, `recovered` … */
  readonly name: string;
  readonly parameters: number;
  /** Of the weights as stored. */
  readonly bytes: number;
  readonly layers: number;
  readonly perplexity?: number;
  readonly bitsPerByte?: number;
  readonly prefillTokensPerSecond?: number;
  readonly decodeTokensPerSecond?: number;
  readonly sample?: { readonly prompt: string; readonly text: string };
  readonly note?: string;
}

export interface CurvePoint {
  readonly step: number;
  readonly tokens: number;
  readonly seconds: number;
  readonly loss: number;
}

/** Everything that the page of a run shows. */
export interface RunFacts {
  readonly title: string;
  readonly model: string;
  /** ISO 8601. */
  readonly created: string;
  readonly seconds: number;
  readonly variants: readonly VariantFacts[];
  readonly curves: readonly { readonly name: string; readonly points: readonly CurvePoint[] }[];
  readonly evaluations: readonly { readonly name: string; readonly tokens: number; readonly value: number }[];
  /** What the plan did, in a line. */
  readonly plan?: string;
  readonly keptLayers?: { readonly total: number; readonly kept: readonly number[] };
  /** YAML, as resolved. */
  readonly recipe: string;
  readonly machine: {
    readonly cpu: string;
    readonly cores: number;
    readonly threads: number;
    readonly memoryBytes: number;
    readonly engine: string;
    readonly node: string;
    readonly platform: string;
  };
  readonly seeds: Readonly<Record<string, number>>;
  readonly versions: Readonly<Record<string, string>>;
  readonly outputs: readonly { readonly label: string; readonly path: string }[];
  readonly nextCommand?: string;
}
