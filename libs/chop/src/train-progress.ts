import { extentOf, type TrainingEvent, type TrainOptions } from '@chop/training';
import type { TrainRequest } from './verbs.js';

/** Tells of each step what a person wants to see: the loss, the speed, the time that is left. */
export function progressOf(
  { onProgress, onMessage, onEvent }: Pick<TrainRequest, 'onProgress' | 'onMessage' | 'onEvent'>,
  options: TrainOptions,
  stepsBefore: number,
): (event: TrainingEvent) => void {
  const { steps, tokensPerStep } = extentOf(options);
  const from = { step: stepsBefore, at: performance.now() };
  return (event) => {
    onEvent?.(event);
    if (event.type === 'edit') onMessage?.(`step ${event.step}: ${event.explanation}`);
    if (event.type === 'evaluation')
      onMessage?.(
        `step ${event.step}: ${Object.entries(event.scores)
          .map(([name, value]) => `${name} ${value.toFixed(Math.abs(value) < 1 ? 3 : 2)}`)
          .join(', ')}${event.best ? ' (the best so far)' : ''}`,
      );
    if (event.type === 'stop')
      onMessage?.(`step ${event.step}: ${event.watched} gets no better; training ends, and the weights of step ${event.bestStep} are kept`);
    if (event.type !== 'step') return;
    const seconds = (performance.now() - from.at) / 1000;
    const done = event.step - from.step;
    const left = Math.round((seconds / done) * (steps - event.step));
    const clock = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')}`;
    onProgress?.({
      phase: 'train',
      done: event.step,
      total: steps,
      detail: `loss ${event.loss.toFixed(3)} · ${Math.round((done * tokensPerStep) / seconds).toLocaleString('en-US')} tokens/s · ${clock} left`,
    });
  };
}
