import { keep, pruner } from '@chop/core';
import { z } from 'zod';

const options = z.strictObject({
  share: z.number().min(0).lt(1).default(0.5).describe('share of the FFN channels of each layer that go'),
});

/**
 * The baseline that every other way of choosing channels should beat: each layer keeps channels drawn at random,
 * without replacement, equally many in every layer.
 */
export const randomFfn = pruner({
  name: 'random-ffn',
  description: 'Drops a random share of the FFN channels of each layer: a baseline.',
  needs: 'nothing',
  options,
  async *plan(session, { share }) {
    const { axes } = session.model;
    for (let at = 0; at < axes.layers; at++) {
      const channels = axes.size('ffn', at);
      const count = Math.max(1, Math.round(channels * (1 - share)));
      const kept = session.random.permutation(channels).slice(0, count).sort();
      yield keep('ffn', kept, at);
    }
  },
});
