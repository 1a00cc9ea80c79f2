import type { JSX } from 'preact';

/** A drawing of this package: its text is escaped where it is drawn. */
export function Svg({ text }: { readonly text: string }): JSX.Element {
  return <div class="drawing" dangerouslySetInnerHTML={{ __html: text }} />;
}
