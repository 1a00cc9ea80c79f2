import { appendFile, readFile } from 'node:fs/promises';
import { atomicFile } from '@chop/formats';

/** Numbers of one step, as they are logged. */
export interface StepRecord {
  readonly type: 'step';
  readonly step: number;
  readonly tokens: number;
  readonly loss: number;
  /** The named terms of the loss, when there is more than one. */
  readonly terms?: Readonly<Record<string, number>>;
  /** Global norm of the gradient before clipping. */
  readonly gradientNorm: number;
  readonly lr: number;
  readonly seconds: number;
}

/** Scores of the model as it was after a step. */
export interface EvaluationRecord {
  readonly type: 'evaluation';
  readonly step: number;
  readonly tokens: number;
  readonly scores: Readonly<Record<string, number>>;
  /** Whether the watched score is the best so far; where one is watched. */
  readonly best?: boolean;
}

/** What happens in a training run, as its log has it. */
export type TrainingEvent =
  | StepRecord
  | EvaluationRecord
  | { readonly type: 'stop'; readonly step: number; readonly tokens: number; readonly watched: string; readonly bestStep: number }
  | { readonly type: 'edit'; readonly step: number; readonly tokens: number; readonly explanation: string }
  | { readonly type: 'snapshot'; readonly step: number; readonly folder: string };

/** A run's events, one JSON object a line. */
export class TrainingLog {
  readonly file: string;
  readonly events: TrainingEvent[];

  private constructor(file: string, events: TrainingEvent[]) {
    this.file = file;
    this.events = events;
  }

  /** Begins a log, or goes on with one: what was written after step `from` is dropped, since it will happen again. */
  static async open(file: string, from: number): Promise<TrainingLog> {
    const events = from === 0 ? [] : (await readEvents(file)).filter(({ step }) => step <= from);
    await atomicFile(file, events.map((event) => `${JSON.stringify(event)}\n`).join(''));
    return new TrainingLog(file, events);
  }

  async append(event: TrainingEvent): Promise<void> {
    this.events.push(event);
    await appendFile(this.file, `${JSON.stringify(event)}\n`);
  }
}

/** The events of a log; a last line that was cut off by a crash does not count. */
export async function readEvents(file: string): Promise<TrainingEvent[]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  return whole
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as TrainingEvent);
}
