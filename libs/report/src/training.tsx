import type { JSX } from 'preact';
import { AtTwoWidths, Svg } from './drawing.js';
import { drawTraining, smoothingSteps, type Training } from './loss-chart.js';
import { Key } from './series.js';

/** The curves of all runs, and the scores on their way. */
export function TrainingFigure({ training }: { readonly training: Training }): JSX.Element {
  const steps = Math.max(...training.curves.map(({ places }) => smoothingSteps(places.length)), 1);
  return (
    <figure>
      <AtTwoWidths draw={(width, look) => <Svg text={drawTraining(training, look, width)} />} />
      <figcaption>
        <Key names={training.curves} />
        {steps > 1 && `Thin: every step. Bold: running mean of up to ${steps.toLocaleString('en-US')} steps. `}
        {training.scores.length > 0 && `${training.curves.length > 0 ? 'Below: scores' : 'Scores'} measured on the way, by the settings of the training step.`}
        {training.kept.map((sentence) => ` ${sentence}`)}
      </figcaption>
    </figure>
  );
}
