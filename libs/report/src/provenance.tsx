import type { ComponentChildren, JSX } from 'preact';
import type { Machine, RunFacts, VariantFacts } from './facts.js';
import { bytesFigure, isMeasured, MISSING } from './figures.js';
import { Swatch } from './series.js';

/** The same prompt, continued by each model. */
export function Samples({ variants }: { readonly variants: readonly VariantFacts[] }): JSX.Element {
  return (
    <div class="samples">
      {variants.map(({ name, sample }, index) =>
        sample === undefined ? null : (
          <article>
            <h3>
              <Swatch series={index} />
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

/** What it takes to do the runs again and to check their numbers: told once where it is the same for all. */
export function Provenance({ runs }: { readonly runs: readonly RunFacts[] }): JSX.Element {
  const several = runs.length > 1;
  const one = (key: 'machine' | 'versions'): boolean => new Set(runs.map((run) => JSON.stringify(run[key]))).size === 1;
  const of = (key: 'machine' | 'versions'): readonly RunFacts[] => (one(key) ? runs.slice(0, 1) : runs);
  const caption = (word: string, key: 'machine' | 'versions', name: string): string => (one(key) ? word : `${word}: ${name}`);
  return (
    <div class="columns">
      {of('machine').map(({ name, machine }) => (
        <Pairs caption={caption('Machine', 'machine', name)} head={['What', 'Found']} rows={machine ? machineRows(machine) : [['All of it', 'not recorded']]} />
      ))}
      <Pairs
        caption="Seeds"
        head={['Of', 'Seed']}
        rows={runs.flatMap(({ name, seeds }) =>
          Object.entries(seeds).map(([of, seed]): [string, string] => [several ? `${name}, ${of}` : of, isMeasured(seed) ? String(seed) : MISSING]),
        )}
      />
      {of('versions').map(({ name, versions }) => (
        <Pairs caption={caption('Versions', 'versions', name)} head={['Package', 'Version']} rows={Object.entries(versions)} />
      ))}
    </div>
  );
}

function machineRows(machine: Machine): (readonly [string, string])[] {
  return [
    ['CPU', machine.cpu],
    ['Cores', String(machine.cores)],
    ['Threads', String(machine.threads)],
    ['Memory', bytesFigure(machine.memoryBytes)],
    ['Engine', machine.engine],
    ['Node.js', machine.node],
    ['Platform', machine.platform],
  ];
}

/** The files that each run left, by what made them. */
export function Outputs({ runs }: { readonly runs: readonly RunFacts[] }): JSX.Element {
  return (
    <>
      {runs.map(({ name, outputs }) => (
        <Pairs
          caption={`Files, from the folder of ${runs.length > 1 ? name : 'the run'}`}
          head={['Made by', 'Path']}
          rows={outputs.map(({ label, path }) => [label, <code>{path}</code>])}
        />
      ))}
    </>
  );
}

/** Every run's recipe, as it was resolved. */
export function Recipes({ runs }: { readonly runs: readonly RunFacts[] }): JSX.Element {
  return (
    <>
      <p>As resolved, every default explicit.</p>
      {runs.map(({ name, recipe }) => (
        <details open={runs.length === 1}>
          <summary>{name}</summary>
          <Listing label={runs.length > 1 ? `Recipe of ${name} as YAML` : 'Recipe as YAML'} text={recipe} />
        </details>
      ))}
    </>
  );
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
