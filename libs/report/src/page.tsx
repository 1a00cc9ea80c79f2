import { createHash } from 'node:crypto';
import type { ComponentChildren, JSX } from 'preact';
import { renderToString } from 'preact-render-to-string';
import { drawBars, isLogarithmic } from './bar-chart.js';
import { Cuts, isShown } from './cuts.js';
import { Svg } from './drawing.js';
import type { ReportFacts, RunFacts, VariantFacts } from './facts.js';
import { momentFigure, secondsFigure } from './figures.js';
import { trainingOf } from './loss-chart.js';
import { measuredIn } from './measure.js';
import { sentenceOf } from './outcome.js';
import { Comparisons } from './paired.js';
import { Listing, Outputs, Provenance, Recipes, Samples } from './provenance.js';
import { SpeedTables, speedOf } from './speed.js';
import { STYLE } from './style.js';
import { Bests, Headline, SummaryTable } from './summary.js';
import { TABLE_SCRIPT } from './table-script.js';
import { Tasks } from './tasks-section.js';
import { TrainingFigure } from './training.js';
import { Tradeoffs, tradeoffsOf } from './tradeoffs.js';

/** Nothing is fetched, and the one script that runs is ours, whatever a model may write. */
const POLICY = `default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${createHash('sha256').update(TABLE_SCRIPT).digest('base64')}'`;

/**
 * The report of one run or of several: one HTML document that needs no network and no file beside it. Its script sorts and copies tables; without
 * it the page reads the same. The same facts give the same bytes.
 *
 * @param facts - a number that is missing or not finite is shown as an en dash; text is shown as it is, never read as HTML.
 */
export function renderReport(facts: ReportFacts): string {
  return `<!doctype html>\n${renderToString(<Page facts={facts} />)}\n`;
}

function Page({ facts }: { readonly facts: ReportFacts }): JSX.Element {
  const sentence = sentenceOf(facts);
  return (
    <html lang="en">
      <head>
        <meta charSet="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta http-equiv="Content-Security-Policy" content={POLICY} />
        <meta name="color-scheme" content="light dark" />
        <meta name="description" content={sentence} />
        <title>{`${facts.title} · chop`}</title>
        <style dangerouslySetInnerHTML={{ __html: STYLE }} />
      </head>
      <body>
        <Header facts={facts} sentence={sentence} />
        <Main facts={facts} />
        <script dangerouslySetInnerHTML={{ __html: TABLE_SCRIPT }} />
      </body>
    </html>
  );
}

function Header({ facts: { title, created, runs, note }, sentence }: { readonly facts: ReportFacts; readonly sentence: string }): JSX.Element {
  const machines = [...new Map(runs.flatMap(({ machine }) => (machine ? [[JSON.stringify(machine), machine] as const] : []))).values()];
  const seconds = runs.reduce((sum, run) => sum + run.seconds, 0);
  const place =
    machines.length === 1 ? ` on ${machines[0]!.cpu} · engine ${machines[0]!.engine}` : machines.length > 1 ? ` on ${machines.length} machines` : '';
  return (
    <header>
      <p class="eyebrow">
        chop <span aria-hidden="true">/</span> {title}
      </p>
      <h1>{unbroken(sentence)}</h1>
      <p class="byline">
        <time dateTime={created}>{momentFigure(created)}</time> · {secondsFigure(seconds)}
        {place}
      </p>
      {note !== undefined && <p class="note">{note}</p>}
      {runs.length === 1 ? <Headline run={runs[0]!} /> : <Bests variants={variantsOf(runs)} />}
    </header>
  );
}

function Main({ facts: { runs, comparisons = [], nextCommand } }: { readonly facts: ReportFacts }): JSX.Element {
  const variants = variantsOf(runs);
  const cuts = runs.flatMap((run) =>
    run.cuts.map((cut) => (runs.length > 1 ? { ...cut, name: run.cuts.length > 1 ? `${run.name}: ${cut.name}` : run.name } : cut)),
  );
  const training = trainingOf(runs);
  const speed = speedOf(runs);
  const tradeoffs = tradeoffsOf(variants);
  return (
    <main>
      {variants.length > 0 && (
        <Section id="summary" title="Summary">
          <SummaryTable variants={variants} />
          {variants.length > 1 && <Bars variants={variants} />}
        </Section>
      )}
      {tradeoffs.length > 0 && (
        <Section id="tradeoffs" title="What quality costs">
          <Tradeoffs tradeoffs={tradeoffs} variants={variants} />
        </Section>
      )}
      {variants.some(({ tasks }) => tasks?.length) && (
        <Section id="tasks" title="Tasks">
          <Tasks variants={variants} />
        </Section>
      )}
      {comparisons.length > 0 && (
        <Section id="paired" title="Is the difference real?">
          <Comparisons comparisons={comparisons} />
        </Section>
      )}
      {speed && (
        <Section id="speed" title="How fast, and when it has paid">
          <SpeedTables speed={speed} />
        </Section>
      )}
      {cuts.some(isShown) && (
        <Section id="cut" title="What was cut">
          <Cuts cuts={cuts.filter(isShown)} />
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
      {(nextCommand !== undefined || runs.some(({ outputs }) => outputs.length > 0)) && (
        <Section id="again" title="Files and next step">
          <Outputs runs={runs} />
          {nextCommand !== undefined && <Listing label="Next command" text={nextCommand} />}
        </Section>
      )}
      <Section id="recipe" title={runs.length > 1 ? 'Recipes' : 'Recipe'}>
        <Recipes runs={runs} />
      </Section>
      <Section id="provenance" title="Machine, seeds, versions">
        <Provenance runs={runs} />
      </Section>
    </main>
  );
}

function variantsOf(runs: readonly RunFacts[]): VariantFacts[] {
  return runs.flatMap(({ variants }) => variants);
}

function Section({ id, title, children }: { readonly id: string; readonly title: string; readonly children: ComponentChildren }): JSX.Element {
  return (
    <section id={id} aria-labelledby={`${id}-title`}>
      <h2 id={`${id}-title`}>{title}</h2>
      {children}
    </section>
  );
}

function Bars({ variants }: { readonly variants: readonly VariantFacts[] }): JSX.Element {
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

/** Keeps a number and its unit on one line. */
function unbroken(text: string): string {
  return text.replace(/(\d) (?=\p{L})/gu, '$1\u00a0');
}
