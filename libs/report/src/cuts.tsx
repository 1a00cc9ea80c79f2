import type { JSX } from 'preact';
import { axisInWords, AxisPicture, axisTitle } from './axis-picture.js';
import { AtTwoWidths } from './drawing.js';
import type { AxisCut, CutFacts, Kept } from './facts.js';
import { LayerPicture, layersInWords } from './layers.js';
import { MaskPicture, masksInWords } from './mask-picture.js';

/** What each step took away, in words and in pictures of what was kept. */
export function Cuts({ cuts }: { readonly cuts: readonly CutFacts[] }): JSX.Element {
  return (
    <>
      {cuts.map((cut) => (
        <article class="cut">
          {cuts.length > 1 && <h3>{cut.name}</h3>}
          {cut.plan !== undefined && <p>{cut.plan}</p>}
          {cut.layers && <Layers {...cut.layers} />}
          {axesOf(cut).map((axis) => (
            <Axis cuts={axis} />
          ))}
          {cut.masks && cut.masks.length > 0 && <Masks masks={cut.masks} />}
        </article>
      ))}
    </>
  );
}

/** Whether there is anything to show. */
export function isShown({ plan, layers, axes = [], masks = [] }: CutFacts): boolean {
  return plan !== undefined || layers !== undefined || axes.length + masks.length > 0;
}

/** The layers' own axes together, in the order in which they come. */
function axesOf({ axes = [] }: CutFacts): AxisCut[][] {
  const groups = new Map<string, AxisCut[]>();
  for (const cut of axes) groups.set(cut.axis, [...(groups.get(cut.axis) ?? []), cut]);
  return [...groups.values()];
}

function Layers({ total, kept }: Kept): JSX.Element {
  return (
    <figure class="layers">
      <AtTwoWidths draw={(width) => <LayerPicture total={total} kept={kept} width={width} />} />
      <figcaption>{layersInWords({ total, kept })} Input is on the left, output on the right.</figcaption>
    </figure>
  );
}

function Axis({ cuts }: { readonly cuts: readonly AxisCut[] }): JSX.Element {
  return (
    <figure class="axes">
      <figcaption>
        <b>{axisTitle(cuts[0]!.axis)}</b> {axisInWords(cuts)}
      </figcaption>
      <AtTwoWidths draw={(width) => <AxisPicture cuts={cuts} width={width} />} />
    </figure>
  );
}

function Masks({ masks }: { readonly masks: NonNullable<CutFacts['masks']> }): JSX.Element {
  return (
    <figure class="axes">
      <figcaption>
        <b>Density</b> {masksInWords(masks)} In per cent, by layer and matrix.
      </figcaption>
      <AtTwoWidths draw={(width) => <MaskPicture masks={masks} width={width} />} />
    </figure>
  );
}
