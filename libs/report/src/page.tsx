import type { ComponentChildren, JSX } from 'preact';
import { renderToString } from 'preact-render-to-string';
import { drawBars, isLogarithmic } from './bar-chart.js';
import type { RunFacts } from './facts.js';
import { momentFigure, secondsFigure } from './figures.js';
import { LayerPicture, layersInWords } from './layers.js';
import { drawTraining, smoothingSteps, type Training, trainingOf } from './loss-chart.js';
import { measuredIn } from './measure.js';
import { sentenceOf } from './outcome.js';
import { Listing, Outputs, Provenance, Samples } from './provenance.js';
import { STYLE } from './style.js';
import { Headline, SummaryTable } from './summary.js';

/** Pictures with text in them are drawn twice, and the style sheet shows the one whose letters are legible. */
const WIDE = 880;
const NARROW = 350;

/** Nothing is fetched and nothing runs, whatever a model may write. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'";

/**
 * The report of a run: one HTML document that needs no network, no script and no file beside it. The same facts give the same bytes.
 *
 * @param facts - a number that is missing or not finite is shown as an en dash; text is shown as it is, never read as HTML.
 */
export function renderReport(facts: RunFacts): string {
  return `<!doctype html>\n${renderToString(<Page facts={facts} />)}\n`;
}

function Page({ facts }: { readonly facts: RunFacts }): JSX.Element {
  const { title, variants, keptLayers, plan, recipe, outputs, nextCommand } = facts;
  const training = trainingOf(facts);
  const sentence = sentenceOf(facts);
  return (
    <html lang="en">
      <head>
        <meta charSet="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta http-equiv="Content-Security-Policy" content={POLICY} />
        <meta name="color-scheme" content="light dark" />
        <meta name="description" content={sentence} />
        <title>{`${title} · chop`}</title>
        <style dangerouslySetInnerHTML={{ __html: STYLE }} />
      </head>
      <body>
        <header>
          <p class="eyebrow">
            chop <span aria-hidden="true">/</span> {title}
          </p>
          <h1>{unbroken(sentence)}</h1>
          <p class="byline">
            <time dateTime={facts.created}>{momentFigure(facts.created)}</time> · {secondsFigure(facts.seconds)} on {facts.machine.cpu} · engine{' '}
            {facts.machine.engine}
          </p>
          <Headline facts={facts} />
        </header>
        <main>
          {variants.length > 0 && (
            <Section id="summary" title="Summary">
              <SummaryTable variants={variants} />
              {variants.length > 1 && <Bars facts={facts} />}
            </Section>
          )}
          {(keptLayers || plan !== undefined) && (
            <Section id="cut" title="What was cut">
              {plan !== undefined && <p>{plan}</p>}
              {keptLayers && <Layers {...keptLayers} />}
            </Section>
          )}
          {training && (
            <Section id="training" title="Training">
              <TrainingFigure training={training} />
            </Section>
          )}
          {variants.some(({ sample }) => sample) && (
            <Section id="samples" title="In their own words">
              <Samples variants={variants} />
            </Section>
          )}
          <Section id="again" title="Files and next step">
            {outputs.length > 0 && <Outputs outputs={outputs} />}
            {nextCommand !== undefined && <Listing label="Next command" text={nextCommand} />}
          </Section>
          <Section id="recipe" title="Recipe">
            <p>As resolved, every default explicit.</p>
            <Listing label="Recipe as YAML" text={recipe} />
          </Section>
          <Section id="provenance" title="Machine, seeds, versions">
            <Provenance facts={facts} />
          </Section>
        </main>
      </body>
    </html>
  );
}

function Section({ id, title, children }: { readonly id: string; readonly title: string; readonly children: ComponentChildren }): JSX.Element {
  return (
    <section id={id} aria-labelledby={`${id}-title`}>
      <h2 id={`${id}-title`}>{title}</h2>
      {children}
    </section>
  );
}

function Bars({ facts: { variants } }: { readonly facts: RunFacts }): JSX.Element {
  return (
    <div class="bars">
      {measuredIn(variants)
        .filter(({ drawn }) => drawn)
        .map((measure, index) => (
          <figure>
            <figcaption>
              {measure.label} <small>{caption(measure.unit, measure.better, isLogarithmic(measure, variants) ? measure.floor : undefined)}</small>
            </figcaption>
            <Svg text={drawBars(measure, variants, `bars${index}`)} />
          </figure>
        ))}
    </div>
  );
}

function caption(unit: string | undefined, better: string, from: number | undefined): string {
  return [...(unit === undefined ? [] : [unit]), `${better} is better`, ...(from === undefined ? [] : [`log scale from ${from}`])].join(' · ');
}

function Layers({ total, kept }: NonNullable<RunFacts['keptLayers']>): JSX.Element {
  return (
    <figure class="layers">
      <div class="wide">
        <LayerPicture total={total} kept={kept} width={WIDE} />
      </div>
      <div class="narrow">
        <LayerPicture total={total} kept={kept} width={NARROW} />
      </div>
      <figcaption>{layersInWords({ total, kept })} Input is on the left, output on the right.</figcaption>
    </figure>
  );
}

function TrainingFigure({ training }: { readonly training: Training }): JSX.Element {
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
        {training.curves.map(({ name }, index) => (
          <span class="key">
            <span class={`swatch series-${((index + 2) % 6) + 1}`} aria-hidden="true" />
            {name}
          </span>
        ))}
        {steps > 1 && `Thin: every step. Bold: running mean of up to ${steps.toLocaleString('en-US')} steps. `}
        {training.scores.length > 0 && `${training.curves.length > 0 ? 'Below: scores' : 'Scores'} measured on the way, by the settings of the training step.`}
      </figcaption>
    </figure>
  );
}

/** A drawing of this package: its text is escaped where it is drawn. */
function Svg({ text }: { readonly text: string }): JSX.Element {
  return <div class="drawing" dangerouslySetInnerHTML={{ __html: text }} />;
}

/** Keeps a number and its unit on one line. */
function unbroken(text: string): string {
  return text.replace(/(\d) (?=\p{L})/gu, '$1\u00a0');
}
