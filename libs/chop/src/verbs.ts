import type { Configured, Pruner, Taught } from '@chop/core';
import type { LatencyResult, PairedTasks, PerplexityResult, SampleLine, SpeedUps, TasksInput, TasksResult } from '@chop/eval';
import type { TrainingEvent, TrainOptionsInput } from '@chop/training';
import type { LoaderName, LoaderVerdict } from './loaders.js';
import type { ModelSource, OpenModel } from './opened.js';
import type { Cached, Common } from './request.js';
import type { Verified } from './verify.js';

/** Text that a method looks at. */
export interface Calibration {
  readonly data?: readonly string[];
  /** Windows. */
  readonly samples?: number;
  /** Tokens per window. */
  readonly window?: number;
  readonly join?: string;
}

/** What `chop inspect` tells: a model's sizes and every tensor with its axes. */
export interface InspectResult {
  readonly model: string;
  readonly family: string;
  readonly parameters: number;
  /** On disk. */
  readonly bytes: number;
  readonly dtype: string;
  readonly layers: number;
  readonly axes: Readonly<Record<string, number>>;
  readonly tensors: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly dtype: string;
    /** On disk. */
    readonly bytes: number;
    /** How it lies there where that is not as elements of `dtype`, as which it is read: `2:4` packed, or the type of a GGUF file's blocks. */
    readonly stored?: string;
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
  /** Who will take the result. */
  readonly loaders: readonly LoaderVerdict[];
  readonly seconds: number;
}

/** A model folder that was written. */
export interface WrittenResult {
  readonly out: string;
  readonly parameters: number;
  readonly bytes: number;
  readonly seconds: number;
  readonly files: readonly string[];
  /** Who takes a model of these sizes. */
  readonly loaders?: readonly LoaderVerdict[];
  /** How it was opened again before it got its name. */
  readonly verify?: Verified;
}

/** What training is told: its options (`tokens` or `steps` at least), the text, and what happens meanwhile. */
export interface TrainRequest extends Omit<Common, 'seed'>, TrainOptionsInput {
  readonly data: readonly string[];
  /** Where the model is written, with snapshots beside it until then; without it the model stays in memory, and nothing to go on from is kept. */
  readonly out?: string;
  readonly force?: boolean;
  /** Go on from the last snapshot beside `out`. */
  readonly resume?: boolean;
  /** Prunes while training: `dimChop({ sparsity: 0.25 })`. */
  readonly prune?: Configured<Pruner>;
  /** Programs that must take the result: sizes that a method chooses are whole blocks there. */
  readonly for?: readonly LoaderName[];
  /** Learns from a teacher: `distillLogits({ teacher: base })`. */
  readonly loss?: Taught<ModelSource>;
  /** Text for evaluations during training. */
  readonly valid?: readonly string[];
  readonly calibration?: Calibration;
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

/** How training went; with `out` and `files` where the model was written. */
export interface TrainResult extends Omit<WrittenResult, 'out' | 'files'>, Partial<Pick<WrittenResult, 'out' | 'files'>> {
  /** What was pruned meanwhile. */
  readonly explanation: string;
  readonly steps: number;
  readonly tokens: number;
  readonly losses: readonly number[];
  readonly tokensPerSecond: number;
  /** The most that the engine held at once, by its own count where it keeps one. */
  readonly peakBytes: number;
  /** The most that the process held. */
  readonly processPeakBytes: number;
  readonly evaluations: readonly { readonly tokens: number; readonly scores: Readonly<Record<string, number>> }[];
  /** With patience: whose weights the model has, and whether training ended there before its tokens did. */
  readonly best?: { readonly step: number; readonly tokens: number; readonly stopped: boolean };
}

/** A model that was trained, and how that went. */
export interface TrainedModel extends OpenModel {
  readonly training: TrainResult;
}

export interface EvaluateRequest extends Common, Cached {
  readonly perplexity?: {
    readonly data: readonly string[];
    readonly window?: number;
    readonly stride?: number;
    readonly windows?: number;
    readonly bos?: boolean;
    readonly join?: string;
  };
  readonly latency?: boolean | Readonly<Record<string, unknown>>;
  /** Tasks in lm-evaluation-harness' YAML. */
  readonly tasks?: TasksInput;
  /** Where every example of the tasks is written, a line each; they are not told in the result then. */
  readonly samplesFile?: string;
  readonly force?: boolean;
}

/** What was measured of one model. */
export interface EvalResult {
  readonly model: string;
  readonly parameters: number;
  readonly bytes: number;
  readonly engine: string;
  readonly perplexity?: PerplexityResult;
  readonly tasks?: TasksResult['tasks'];
  /** Groups of tasks that say how they are put together. */
  readonly groups?: TasksResult['groups'];
  /** Mean over the tasks of the accuracy that each is known by. */
  readonly mean?: number;
  /** By which of its numbers each task is known. */
  readonly headlines?: TasksResult['headlines'];
  /** Requests of the tasks whose context was longer than the model can see, by task. */
  readonly truncated?: TasksResult['truncated'];
  /** Scores and texts that the tasks asked for, and how many of them an earlier run has left in the cache, where it was looked at. */
  readonly requests?: number;
  readonly fromCache?: number;
  readonly firstTokens?: NonNullable<TasksResult['firstTokens']>;
  /** Every example of the tasks, where they were asked for. */
  readonly samples?: readonly SampleLine[];
  readonly samplesFile?: string;
  /** Wall time of the tasks. */
  readonly taskSeconds?: number;
  readonly latency?: LatencyResult & {
    /** The most that the engine has held in this process so far: models timed in turns all together, and whatever was computed before. */
    readonly peakBytes: number;
    /** Over the first model, where several are measured. */
    readonly speedUps?: readonly SpeedUps[];
  };
  /** Against the first model, example by example, where several do tasks. */
  readonly paired?: PairedTasks;
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
