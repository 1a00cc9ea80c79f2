import type { JSX } from 'preact';

/** Pixels across a picture for a page, and for a telephone. */
const [WIDE, NARROW] = [880, 350];

/** A drawing of this package: its text is escaped where it is drawn. */
export function Svg({ text }: { readonly text: string }): JSX.Element {
  return <div class="drawing" dangerouslySetInnerHTML={{ __html: text }} />;
}

/** A picture with text in it, drawn twice: the style sheet shows the one whose letters are legible. */
export function AtTwoWidths({ draw }: { readonly draw: (width: number, look: 'wide' | 'narrow') => JSX.Element }): JSX.Element {
  return (
    <>
      <div class="wide">{draw(WIDE, 'wide')}</div>
      <div class="narrow">{draw(NARROW, 'narrow')}</div>
    </>
  );
}
