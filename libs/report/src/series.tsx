import type { JSX } from 'preact';

/** As many as the style sheet has; they come round again. */
const COLOURS = 8;

/** The colour of the variant or run at `index`. */
export function seriesColour(index: number): string {
  return `var(--series-${(index % COLOURS) + 1})`;
}

/** The same as a spot beside its name. */
export function Swatch({ series }: { readonly series: number }): JSX.Element {
  return <span class={`swatch series-${(series % COLOURS) + 1}`} aria-hidden="true" />;
}

/** What the colours of a chart stand for. */
export function Key({ names }: { readonly names: readonly { readonly name: string; readonly series: number }[] }): JSX.Element {
  return (
    <>
      {names.map(({ name, series }) => (
        <span class="key">
          <Swatch series={series} />
          {name}
        </span>
      ))}
    </>
  );
}
