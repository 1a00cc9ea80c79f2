import type { ComponentChildren, JSX } from 'preact';
import type { RunFacts, VariantFacts } from './facts.js';
import { bytesFigure, isMeasured, MISSING } from './figures.js';

/** The same prompt, continued by each model. */
export function Samples({ variants }: { readonly variants: readonly VariantFacts[] }): JSX.Element {
  return (
    <div class="samples">
      {variants.map(({ name, sample }, index) =>
        sample === undefined ? null : (
          <article>
            <h3>
              <span class={`swatch series-${(index % 6) + 1}`} aria-hidden="true" />
              {name}
            </h3>
            <blockquote>
              <b>{sample.prompt}</b>
              {sample.text}
            </blockquote>
          </article>
        ),
      )}
    </div>
  );
}

/** What it takes to do the run again and to check its numbers. */
export function Provenance({ facts }: { readonly facts: RunFacts }): JSX.Element {
  const { machine, seeds, versions } = facts;
  const rows: readonly (readonly [string, string])[] = [
    ['CPU', machine.cpu],
    ['Cores', String(machine.cores)],
    ['Threads', String(machine.threads)],
    ['Memory', bytesFigure(machine.memoryBytes)],
    ['Engine', machine.engine],
    ['Node.js', machine.node],
    ['Platform', machine.platform],
  ];
  return (
    <div class="columns">
      <Pairs caption="Machine" head={['What', 'Found']} rows={rows} />
      <Pairs caption="Seeds" head={['Of', 'Seed']} rows={Object.entries(seeds).map(([name, seed]) => [name, isMeasured(seed) ? String(seed) : MISSING])} />
      <Pairs caption="Versions" head={['Package', 'Version']} rows={Object.entries(versions)} />
    </div>
  );
}

/** The files that the run left, by what made them. */
export function Outputs({ outputs }: Pick<RunFacts, 'outputs'>): JSX.Element {
  return <Pairs caption="Files, from the run's folder" head={['Made by', 'Path']} rows={outputs.map(({ label, path }) => [label, <code>{path}</code>])} />;
}

/** Text to read or copy as it stands; a keyboard scrolls it. */
export function Listing({ label, text }: { readonly label: string; readonly text: string }): JSX.Element {
  return (
    <pre class="scroll" role="region" aria-label={label} tabIndex={0}>
      <code>{text.trimEnd()}</code>
    </pre>
  );
}

function Pairs({
  caption,
  head,
  rows,
}: {
  readonly caption: string;
  readonly head: readonly [string, string];
  readonly rows: readonly (readonly [string, ComponentChildren])[];
}): JSX.Element | null {
  if (rows.length === 0) return null;
  return (
    <table class="pairs">
      <caption>{caption}</caption>
      <thead class="unseen">
        <tr>
          <th scope="col">{head[0]}</th>
          <th scope="col">{head[1]}</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(([name, value]) => (
          <tr>
            <th scope="row">{name}</th>
            <td>{value}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
