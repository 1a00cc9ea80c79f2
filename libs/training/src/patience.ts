import type { EvaluationRecord, TrainingEvent } from './log.js';

/** A score that decides when training ends. */
export interface Watched {
  readonly name: string;
  readonly better: 'lower' | 'higher';
  /** Evaluations without a better one that are waited for. */
  readonly patience: number;
}

/** Stops a run whose watched score gets no better. All that it knows follows from the evaluations in the log, so that a resumed run decides the same. */
export class Patience {
  readonly #watched: Watched;
  #best: EvaluationRecord | undefined;
  #waited = 0;

  /** @param before - events of the run so far. */
  constructor(watched: Watched, before: readonly TrainingEvent[]) {
    this.#watched = watched;
    for (const event of before) if (event.type === 'evaluation' && event.best !== undefined) this.#count(event, event.best);
  }

  /** The evaluation with the best score. */
  get best(): EvaluationRecord | undefined {
    return this.#best;
  }

  get isOver(): boolean {
    return this.#waited >= this.#watched.patience;
  }

  /** The evaluation, and whether it is the best so far. A score that is no number is never better. */
  judge(evaluation: EvaluationRecord): EvaluationRecord {
    const [now, before] = [evaluation, this.#best].map((one) => one?.scores[this.#watched.name] ?? NaN) as [number, number];
    const best = Number.isNaN(before) ? !Number.isNaN(now) : this.#watched.better === 'lower' ? now < before : now > before;
    this.#count(evaluation, best);
    return { ...evaluation, best };
  }

  #count(evaluation: EvaluationRecord, best: boolean): void {
    if (best) this.#best = evaluation;
    this.#waited = best ? 0 : this.#waited + 1;
  }
}
