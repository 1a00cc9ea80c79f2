import type { JSX } from 'preact';
import { Svg } from './drawing.js';
import { NARROW, WIDE } from './figure-widths.js';
import { drawTraining, smoothingSteps, type Training } from './loss-chart.js';
import { Swatch } from './series.js';

/** The curves of all runs, and the scores on their way. */
export function TrainingFigure({ training }: { readonly training: Training }): JSX.Element {
  const steps = Math.max(...training.curves.map(({ places }) => smoothingSteps(places.length)), 1);
  return (
    <figure>
      <div class="wide">
        <Svg text={drawTraining(training, 'wide', WIDE)} />
      </div>
      <div class="narrow">
        <Svg text={drawTraining(training, 'narrow', NARROW)} />
      </div>
      <figcaption>
        {training.curves.map(({ name, series }) => (
          <span class="key">
            <Swatch series={series} />
            {name}
          </span>
        ))}
        {steps > 1 && `Thin: every step. Bold: running mean of up to ${steps.toLocaleString('en-US')} steps. `}
        {training.scores.length > 0 && `${training.curves.length > 0 ? 'Below: scores' : 'Scores'} measured on the way, by the settings of the training step.`}
      </figcaption>
    </figure>
  );
}
