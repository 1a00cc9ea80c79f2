import { keep, type Keep, pruner, type Session, UsageError } from '@chop/core';
import { z } from 'zod';

/** The paper's five ways to choose which layers go (CHOP Fig. 5). */
export const CONFIGURATIONS = ['max-gap', 'input', 'output', 'middle', 'both'] as const;
/** One of {@link CONFIGURATIONS}. */
export type Configuration = (typeof CONFIGURATIONS)[number];

const options = z.strictObject({
  keep: z.number().int().optional().describe('how many layers stay'),
  configuration: z.enum(CONFIGURATIONS).optional().describe('which layers go (CHOP Fig. 5); max-gap by default'),
  layers: z.array(z.number().int()).optional().describe('the layers that stay, instead of keep and configuration'),
  gapTokens: z.number().int().min(0).default(0).describe('tokens between the removal of two layers; 0 = all at once'),
  warmupSteps: z.number().int().min(0).default(0).describe('steps of the uncut model first, whose optimiser state is carried along'),
});

/**
 * LayerCHOP (CHOP §3.1): removes decoder layers, keeps the first and the last, and leaves the rest to continued pretraining.
 * All at once, or one layer every `gapTokens` tokens, of those that are to go the one nearest the output first.
 */
export const layerChop = pruner({
  name: 'layer-chop',
  description: 'Drops layers, at once or one by one (LayerCHOP; Just CHOP, arXiv 2305.14864, section 3.1).',
  options,
  needs: ({ gapTokens, warmupSteps }) => (gapTokens > 0 || warmupSteps > 0 ? 'training' : 'nothing'),
  async *plan(session, { gapTokens, warmupSteps, ...choice }) {
    const staying = chosen(choice, session.model.opened.layers);
    const tokens = (): number => (session.budget.stepsDone - warmupSteps) * session.budget.tokensPerStep;
    const due = (): number => (tokens() < 0 ? 0 : gapTokens === 0 ? Infinity : Math.floor(tokens() / gapTokens) + 1);

    yield* removal(session, staying, due());
    if (gapTokens === 0 && warmupSteps === 0) return;
    for await (const _ of session.steps()) {
      yield* removal(session, staying, due());
      if (session.model.axes.layers === staying.length) return;
    }
  },
});

/** The edit after which `due` layers have gone in all; nothing when they have. */
function* removal({ model }: Session, staying: readonly number[], due: number): Generator<Keep> {
  const here = [...model.indices('layer')];
  const going = Array.from({ length: model.opened.layers }, (_, layer) => layer).filter((layer) => !staying.includes(layer));
  const gone = going.reverse().slice(0, due);
  const stay = here.flatMap((layer, index) => (gone.includes(layer) ? [] : [index]));
  if (stay.length < here.length) yield keep('layer', stay);
}

function chosen(
  { keep: count, configuration, layers: explicit }: Pick<z.output<typeof options>, 'keep' | 'configuration' | 'layers'>,
  layers: number,
): number[] {
  if (explicit) {
    if (count !== undefined || configuration !== undefined)
      throw wrong('layers beside keep or configuration', 'either explicit layers, or keep and configuration');
    const sorted = [...new Set(explicit)].sort((a, b) => a - b);
    if (sorted.length !== explicit.length || sorted.length === 0 || sorted[0]! < 0 || sorted.at(-1)! >= layers)
      throw wrong(`layers ${explicit.join(', ')}`, `different layers from 0 to ${layers - 1}`);
    return sorted;
  }
  if (count === undefined) throw wrong('neither keep nor layers', `keep: how many of the ${layers} layers stay`);
  return keptLayers({ configuration: configuration ?? 'max-gap', layers, keep: count });
}

/**
 * Which of `layers` layers stay, in increasing order (CHOP Fig. 5). The first and the last always do.
 *
 * @throws {@link UsageError} `LAYER_COUNT` unless 2 ≤ keep < layers, so that there are at least 3.
 */
export function keptLayers({ configuration, layers, keep: count }: { configuration: Configuration; layers: number; keep: number }): number[] {
  if (layers < 3)
    throw wrong(
      layers === 1 ? 'a model of 1 layer' : `a model of ${layers} layers`,
      'at least 3: the first and the last stay, and none lies between',
      layers === 2 ? 'Name the layer that stays: --set layers=[0].' : 'Choose another method: dim-chop or wanda.',
    );
  if (!Number.isInteger(count) || count < 2 || count >= layers)
    throw wrong(`keep ${count}`, `2 to ${layers - 1} of the ${layers} layers: the first and the last stay`);
  const going = layers - count;
  const without = (from: number): number[] => Array.from({ length: layers }, (_, layer) => layer).filter((layer) => layer < from || layer >= from + going);
  switch (configuration) {
    case 'max-gap':
      return Array.from({ length: count }, (_, i) => roundHalfEven((i * (layers - 1)) / (count - 1)));
    case 'input':
      return without(1);
    case 'output':
      return without(layers - 1 - going);
    case 'middle':
      return without(Math.ceil(count / 2));
    case 'both': {
      const atInput = Math.ceil(going / 2);
      const middle = Array.from({ length: count - 2 }, (_, i) => 1 + atInput + i);
      return [0, ...middle, layers - 1];
    }
  }
}

function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}

function wrong(found: string, expected: string, remedy = 'For example: --set keep=15 --set configuration=max-gap.'): UsageError {
  return new UsageError('LAYER_COUNT', { found, expected, remedy });
}
