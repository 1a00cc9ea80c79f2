import { CheckpointError } from '@chop/core';
import type { RopeScaling } from '@chop/kernels';
import { z } from 'zod';

const number = z.number().positive();

/** transformers' `rope_scaling`, and the `rope_parameters` of its newer versions. */
export const scalingSchema = z.looseObject({
  rope_type: z.string().optional(),
  type: z.string().optional(),
  factor: number.nullish(),
  low_freq_factor: number.nullish(),
  high_freq_factor: number.nullish(),
  original_max_position_embeddings: number.nullish(),
  rope_theta: number.nullish(),
  beta_fast: number.nullish(),
  beta_slow: number.nullish(),
  truncate: z.boolean().default(true),
  attention_factor: number.nullish(),
  mscale: z.number().nullish(),
  mscale_all_dim: z.number().nullish(),
  short_factor: z.array(number).nullish(),
  long_factor: z.array(number).nullish(),
});

type Given = z.output<typeof scalingSchema>;

/** What a config says beside it. */
export interface ScaledModel {
  /** Features of a head that are turned. */
  readonly turned: number;
  /** `max_position_embeddings`. */
  readonly context?: number | null | undefined;
  /** `original_max_position_embeddings`, where it stands outside of the scaling. */
  readonly original?: number | null | undefined;
}

/** Turns within the original context between which YaRN blends (section 3.2 of its paper). */
export const USUAL_BETAS = { beta_fast: 32, beta_slow: 1 } as const;

const KINDS: Readonly<Record<string, (given: Need, model: ScaledModel) => RopeScaling>> = {
  default: () => ({ kind: 'none' }),
  linear: ({ need }) => ({ kind: 'linear', factor: need('factor') }),
  llama3({ need }) {
    const keys = ['factor', 'low_freq_factor', 'high_freq_factor', 'original_max_position_embeddings'] as const;
    return { kind: 'llama3', ...(Object.fromEntries(keys.map((key) => [key, need(key)])) as Record<(typeof keys)[number], number>) };
  },
  yarn({ given, need }, { context }) {
    const factor = need('factor');
    return {
      kind: 'yarn',
      factor,
      original_max_position_embeddings: given.original_max_position_embeddings ?? context ?? need('original_max_position_embeddings'),
      beta_fast: given.beta_fast ?? USUAL_BETAS.beta_fast,
      beta_slow: given.beta_slow ?? USUAL_BETAS.beta_slow,
      truncate: given.truncate,
      attention_factor: given.attention_factor ?? yarnFactor(factor, given),
    };
  },
  longrope({ given, need }, { turned, context, original }) {
    const trained = original ?? given.original_max_position_embeddings ?? context ?? need('original_max_position_embeddings');
    const ratio = (context ?? trained) / trained;
    const factor = original ? ratio : (given.factor ?? ratio);
    return {
      kind: 'longrope',
      short_factor: factors('short_factor', given, turned),
      long_factor: factors('long_factor', given, turned),
      original_max_position_embeddings: trained,
      attention_factor: given.attention_factor ?? (factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(trained))),
    };
  },
};
/** What Phi-3 was first published with. */
const OLD_NAMES: Readonly<Record<string, string>> = { su: 'longrope' };

/**
 * How the rotary frequencies of a model are stretched; the old spelling of `rope_type` is `type`.
 *
 * @throws {@link CheckpointError} `CONFIG_INVALID` without a number that the kind needs, `CONFIG_UNSUPPORTED` for another kind.
 */
export function scalingOf(given: Given | null | undefined, model: ScaledModel): RopeScaling {
  if (!given) return { kind: 'none' };
  const told = given.rope_type ?? given.type ?? 'default';
  const kind = OLD_NAMES[told] ?? told;
  if (!Object.hasOwn(KINDS, kind))
    throw new CheckpointError('CONFIG_UNSUPPORTED', {
      found: `rope_scaling of kind ${told}`,
      expected: Object.keys(KINDS).join(', '),
      remedy: 'A plugin can add a family with it.',
    });
  return KINDS[kind]!({ given, need: (key) => given[key] ?? missing(`${kind} without ${key}`, 'a number') }, model);
}

interface Need {
  readonly given: Given;
  need(key: 'factor' | 'low_freq_factor' | 'high_freq_factor' | 'original_max_position_embeddings'): number;
}

/** YaRN, eq. 22, or DeepSeek's quotient of two of them. */
function yarnFactor(factor: number, { mscale, mscale_all_dim: all }: Given): number {
  const of = (scale: number): number => (factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1);
  return mscale && all ? of(mscale) / of(all) : of(1);
}

function factors(key: 'short_factor' | 'long_factor', given: Given, turned: number): readonly number[] {
  const list = given[key] ?? [];
  if (list.length !== turned / 2) missing(`longrope with ${list.length} numbers of ${key}`, `one for each of the ${turned / 2} rotary pairs`);
  return list;
}

function missing(what: string, expected: string): never {
  throw new CheckpointError('CONFIG_INVALID', { found: `rope_scaling of kind ${what}`, expected });
}
