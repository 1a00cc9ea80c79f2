import type { ComponentChildren, JSX } from 'preact';
import { lossChart } from './chart.js';
import type { RunFacts, VariantFacts } from './facts.js';
import { bytes, count, duration, MISSING, number, ratio } from './numbers.js';
import { STYLE } from './style.js';

interface Row {
  readonly title: string;
  readonly of: (variant: VariantFacts) => number | undefined;
  readonly show: (value: number | undefined) => string;
}

const ROWS: readonly Row[] = [
  { title: 'parameters', of: ({ parameters }) => parameters, show: count },
  { title: 'bytes', of: (variant) => variant.bytes, show: bytes },
  { title: 'layers', of: ({ layers }) => layers, show: count },
  { title: 'perplexity', of: ({ perplexity }) => perplexity, show: number },
  { title: 'bits per byte', of: ({ bitsPerByte }) => bitsPerByte, show: (value) => value?.toFixed(3) ?? MISSING },
  { title: 'prefill, tokens/s', of: ({ prefillTokensPerSecond }) => prefillTokensPerSecond, show: number },
  { title: 'decode, tokens/s', of: ({ decodeTokensPerSecond }) => decodeTokensPerSecond, show: number },
];

/** The page of a run. */
export function Page({ facts }: { readonly facts: RunFacts }): JSX.Element {
  const { title, model, created, seconds, variants, plan, keptLayers, recipe, outputs, nextCommand } = facts;
  const chart = lossChart(facts);
  return (
    <html lang="en">
      <head>
        <meta charSet="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>{`${title} · chop`}</title>
        <style dangerouslySetInnerHTML={{ __html: STYLE }} />
      </head>
      <body>
        <main>
          <header>
            <h1>{title}</h1>
            <p class="lead">{summary(facts)}</p>
            <p>
              {model} · {new Date(created).toUTCString()} · {duration(seconds)}
            </p>
          </header>
          {variants.length > 0 && <Summary variants={variants} />}
          {keptLayers && <Layers {...keptLayers} plan={plan} />}
          {chart && (
            <Section title="Recovery">
              <figure>
                <figcaption>Training loss over tokens{facts.evaluations.length > 0 ? ', and the loss on held-out text' : ''}. {curveInWords(facts)}</figcaption>
                <div dangerouslySetInnerHTML={{ __html: chart }} />
              </figure>
            </Section>
          )}
          {variants.some(({ bitsPerByte, perplexity }) => bitsPerByte ?? perplexity) && <Bars variants={variants} />}
          {variants.some(({ sample }) => sample) && (
            <Section title="In their own words">
              <div class="samples">{variants.map((variant) => variant.sample && <Sample name={variant.name} {...variant.sample} />)}</div>
            </Section>
          )}
          {(outputs.length > 0 || nextCommand) && (
            <Section title="Files">
              <dl>{outputs.map(({ label, path }) => [<dt>{label}</dt>, <dd><code>{path}</code></dd>])}</dl>
              {nextCommand && <pre tabIndex={0}>{nextCommand}</pre>}
            </Section>
          )}
          <Section title="The exact recipe">
            <pre tabIndex={0}>{recipe}</pre>
          </Section>
          <Section title="Where it ran">
            <Machine {...facts} />
          </Section>
        </main>
      </body>
    </html>
  );
}

function Section({ title, children }: { readonly title: string; readonly children: ComponentChildren }): JSX.Element {
  return (
    <section>
      <h2>{title}</h2>
      {children}
    </section>
  );
}

/** What was done, in one sentence made of the measured numbers. */
export function summary({ variants }: RunFacts): string {
  const [first, last] = [variants[0], variants.at(-1)];
  if (!first || !last || first === last) return 'A run of chop.';
  const worst = variants.reduce((most, variant) => ((variant.bitsPerByte ?? 0) > (most.bitsPerByte ?? 0) ? variant : most), first);
  const size = `${count(first.parameters)} → ${count(last.parameters)} parameters`;
  if (first.bitsPerByte === undefined || last.bitsPerByte === undefined || worst.bitsPerByte === undefined) return `${size}.`;
  const back = (worst.bitsPerByte - last.bitsPerByte) / (worst.bitsPerByte - first.bitsPerByte);
  const damage = worst === first ? '' : ` The cut took bits per byte from ${first.bitsPerByte.toFixed(3)} to ${worst.bitsPerByte.toFixed(3)}`;
  return `${size}.${damage}${damage && worst !== last && back > 0 ? `; recovery won back ${(100 * back).toFixed(0)} % of the loss (${last.bitsPerByte.toFixed(3)}).` : damage && '.'}`;
}

function curveInWords({ curves }: RunFacts): string {
  const points = curves[0]?.points ?? [];
  const [first, last] = [points[0], points.at(-1)];
  return first && last ? `From ${first.loss.toFixed(2)} to ${last.loss.toFixed(2)} in ${points.length} steps and ${count(last.tokens)} tokens.` : '';
}

function Summary({ variants }: { readonly variants: readonly VariantFacts[] }): JSX.Element {
  return (
    <Section title="Before and after">
      <div class="scroll" tabIndex={0} role="region" aria-label="Before and after, as a table">
        <table>
          <caption>Each model as it was measured in this run; the small numbers are relative to the first.</caption>
          <thead>
            <tr>
              <th scope="col">measure</th>
              {variants.map(({ name }) => (
                <th scope="col">{name}</th>
              ))}
            </tr>
          </thead>
          <tbody>
            {ROWS.filter(({ of }) => variants.some((variant) => of(variant) !== undefined)).map(({ title, of, show }) => (
              <tr>
                <th scope="row">{title}</th>
                {variants.map((variant, index) => (
                  <td>
                    {show(of(variant))}
                    {index > 0 && <small>{ratio(of(variant), of(variants[0]!))}</small>}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Section>
  );
}

function Layers({ total, kept, plan }: { readonly total: number; readonly kept: readonly number[]; readonly plan?: string | undefined }): JSX.Element {
  return (
    <Section title="Layers">
      {plan && <p class="quiet">{plan}</p>}
      <ol class="layers" aria-label={`Layers that stay: ${kept.join(', ')} of ${total}`}>
        {Array.from({ length: total }, (_, layer) => (
          <li class={kept.includes(layer) ? 'stays' : 'goes'}>{layer}</li>
        ))}
      </ol>
    </Section>
  );
}

function Bars({ variants }: { readonly variants: readonly VariantFacts[] }): JSX.Element {
  const inBits = variants.every(({ bitsPerByte }) => bitsPerByte !== undefined);
  const value = ({ bitsPerByte, perplexity }: VariantFacts): number => (inBits ? bitsPerByte : perplexity) ?? 0;
  const most = Math.max(...variants.map(value));
  return (
    <Section title={`${inBits ? 'Bits per byte' : 'Perplexity'} on held-out text, lower is better`}>
      <div class="bars">
        {variants.map((variant) => [
          <span>{variant.name}</span>,
          <i style={{ width: `${most > 0 ? (100 * value(variant)) / most : 0}%` }} />,
          <span>{value(variant) > 0 ? number(value(variant)) : MISSING}</span>,
        ])}
      </div>
    </Section>
  );
}

function Sample({ name, prompt, text }: { readonly name: string; readonly prompt: string; readonly text: string }): JSX.Element {
  return (
    <figure>
      <figcaption>{name}</figcaption>
      <blockquote>
        <b>{prompt}</b>
        {text.startsWith(prompt) ? text.slice(prompt.length) : ` ${text}`}
      </blockquote>
    </figure>
  );
}

function Machine({ machine, seeds, versions }: RunFacts): JSX.Element {
  const rows: [string, string][] = [
    ['processor', `${machine.cpu}, ${machine.cores} cores`],
    ['engine', `${machine.engine}, ${machine.threads} threads`],
    ['memory', bytes(machine.memoryBytes)],
    ['system', `${machine.platform}, Node.js ${machine.node}`],
    ['seeds', Object.entries(seeds).map(([name, seed]) => `${name} ${seed}`).join(', ')],
    ['packages', Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(', ')],
  ];
  return <dl>{rows.map(([name, value]) => [<dt>{name}</dt>, <dd>{value}</dd>])}</dl>;
}
