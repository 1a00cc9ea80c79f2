import type { Plan } from '@chop/core';
import type { EngineName } from '@chop/kernels';
import type { LatencyResult, PerplexityResult } from '@chop/eval';
import type { TrainingEvent, TrainOptionsInput } from '@chop/training';

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
  readonly seed?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
  readonly onMessage?: (line: string) => void;
}

/** Text that a method looks at. */
export interface Calibration {
  readonly data?: readonly string[];
  /** Windows. */
  readonly samples?: number;
  /** Tokens per window. */
  readonly window?: number;
  readonly join?: string;
}

/** A method by name, with unchecked options. */
export interface MethodChoice {
  readonly name: string;
  readonly set?: Readonly<Record<string, unknown>>;
}

/** What `chop inspect` tells: a model's sizes and every tensor with its axes. */
export interface InspectResult {
  readonly model: string;
  readonly family: string;
  readonly parameters: number;
  readonly bytes: number;
  readonly dtype: string;
  readonly layers: number;
  readonly axes: Readonly<Record<string, number>>;
  readonly tensors: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly dtype: string;
    readonly bytes: number;
    readonly axes: readonly string[];
  }[];
}

/** What a plan would do, in numbers. */
export interface PlanResult {
  readonly strategy: string;
  readonly keep: Readonly<Record<string, readonly number[]>>;
  readonly masks: readonly { readonly weight: string; readonly kept: number; readonly total: number }[];
  readonly replaces: readonly string[];
  readonly parametersBefore: number;
  readonly parametersAfter: number;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  readonly layersBefore: number;
  readonly layersAfter: number;
  readonly explanation: string;
  readonly seconds: number;
}

/** A plan, what it would do in numbers, and how to keep it. */
export interface PlannedResult {
  readonly plan: Plan;
  readonly summary: PlanResult;
  /** Writes the plan (and the file of its masks beside it); returns the files. */
  save(file: string): Promise<string[]>;
}

/** A model folder that was written. */
export interface WrittenResult {
  readonly out: string;
  readonly parameters: number;
  readonly bytes: number;
  readonly seconds: number;
  readonly files: readonly string[];
  readonly explanation?: string;
}

export interface TrainRequest extends Common {
  readonly data: readonly string[];
  readonly out: string;
  readonly force?: boolean;
  readonly resume?: boolean;
  readonly prune?: MethodChoice;
  readonly distill?: MethodChoice & { readonly teacher: string };
  /** Text for evaluations during training. */
  readonly valid?: readonly string[];
  readonly calibration?: Calibration;
  readonly options: TrainOptionsInput;
  /** Stored dtype of the result; by default that of the model. */
  readonly dtype?: FloatName;
  readonly onEvent?: (event: TrainingEvent) => void;
}

/** Stored float types, as the command line spells them. */
export type FloatName = 'f32' | 'f16' | 'bf16';

/** A model that begins with random weights. */
export interface FromScratch {
  /** A config.json. */
  readonly fromScratch: string;
  /** A folder with tokenizer files; by default the config's. */
  readonly tokenizer?: string;
}

/** A trained model folder, and how training went. */
export interface TrainResult extends WrittenResult {
  readonly steps: number;
  readonly tokens: number;
  readonly losses: readonly number[];
  readonly tokensPerSecond: number;
  readonly peakBytes: number;
  readonly evaluations: readonly { readonly tokens: number; readonly scores: Readonly<Record<string, number>> }[];
}

export interface EvaluateRequest extends Common {
  readonly perplexity?: {
    readonly data: readonly string[];
    readonly window?: number;
    readonly stride?: number;
    readonly windows?: number;
    readonly bos?: boolean;
    readonly join?: string;
  };
  readonly latency?: boolean | Readonly<Record<string, unknown>>;
}

/** What was measured of one model. */
export interface EvalResult {
  readonly model: string;
  readonly parameters: number;
  readonly bytes: number;
  readonly engine: string;
  readonly perplexity?: PerplexityResult;
  readonly latency?: LatencyResult & { readonly peakBytes: number };
}

export interface GenerateRequest extends Common {
  readonly maxTokens?: number;
  readonly temperature?: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly chat?: boolean;
  readonly onText?: (piece: string) => void;
}

/** A continued text. */
export interface GenerateResult {
  /** The prompt and what follows. */
  readonly text: string;
  readonly ids: readonly number[];
  readonly tokensPerSecond: number;
}

/** One part that is loaded, and the package it came from. */
export interface PluginInfo {
  readonly name: string;
  readonly kind: 'family' | 'pruner' | 'distiller' | 'evaluator';
  readonly package: string;
  readonly version: string;
  readonly description: string;
  /** JSON Schema; families have no options. */
  readonly options?: object;
}
