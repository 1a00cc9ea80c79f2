import { type Model, type Pass, tensorsIn } from '@chop/core';
import * as tf from '@tensorflow/tfjs-core';
import { keyValueCache } from './key-value-cache.js';
import { withFloatChains } from './precision.js';
import { type Program, recordProgram } from './program.js';

type Shared = Parameters<NonNullable<Pass['options']['onShared']>>;

/** Reads tokens through a model, one after the other or many at once; what was read before stays in mind. */
export interface Decoder {
  /** Tokens read so far, of each row. */
  readonly length: number;
  /**
   * Reads on.
   *
   * @param ids - row after row, as many tokens each.
   * @returns float32 `[rows, vocab]`: the logits after the last token of each row, owned by the caller.
   */
  read(ids: ArrayLike<number>): tf.Tensor2D;
  /** Frees what it keeps in mind. */
  dispose(): void;
}

/**
 * A decoder with an empty cache of keys and values. A text that becomes long for its model (see {@link Model.longBeyond}) is read again from its beginning. The first time that it reads one token a row, it records what the model computes; from then on
 * the native engine replays that in one call, until the cache grows or a weight gets other memory.
 *
 * @param rows - texts that are read side by side, all equally long.
 */
export function decoder(model: Model, rows = 1): Decoder {
  let cache = keyValueCache();
  /** Ids of each row, of a model that may have to read them again. */
  const seen: number[][] = Array.from({ length: rows }, () => []);
  let program: Program | undefined;
  let shared: Shared[] = [];

  function forget(): void {
    program?.dispose();
    program = undefined;
    shared = [];
  }

  function walk(ids: tf.Tensor, onShared?: (...heard: Shared) => void): tf.Tensor {
    const tokens = ids.shape[1]!;
    return model.forward(ids, { cache, wanted: { from: tokens - 1, to: tokens }, ...(onShared ? { onShared } : {}) });
  }

  function record(ids: tf.Tensor): tf.Tensor {
    forget();
    const { position } = cache;
    const recorded = recordProgram(
      () => walk(ids, (...heard) => shared.push(heard)),
      () => ({ ints: [ids, position.tensor], floats: shared.flatMap(([value]) => tensorsIn(value)) }),
    );
    program = recorded.program;
    return recorded.value;
  }

  /** The next token by the program, where there is one that still holds. */
  function replay(ids: ArrayLike<number>): tf.Tensor | undefined {
    if (program === undefined || cache.room < 1) return undefined;
    const floats = shared.flatMap(([, make]) => tensorsIn(make(cache.length)));
    const logits = program.run([...Array.from(ids), cache.length], floats);
    if (logits !== undefined) cache.advance(1);
    return logits;
  }

  /** What is to be read: the ids as they are, or all of each row where these make the text a long one. */
  function whole(ids: ArrayLike<number>): ArrayLike<number> {
    if (model.longBeyond === undefined) return ids;
    const tokens = ids.length / rows;
    seen.forEach((own, row) => own.push(...Array.from(ids).slice(row * tokens, (row + 1) * tokens)));
    const { length } = cache;
    if (length === 0 || length > model.longBeyond || length + tokens <= model.longBeyond) return ids;
    forget();
    cache.dispose();
    cache = keyValueCache();
    return seen.flat();
  }

  return {
    get length() {
      return cache.length;
    },
    read: (fresh) =>
      tf.tidy(() => {
        const ids = whole(fresh);
        const tokens = ids.length / rows;
        const given = (): tf.Tensor => tf.tensor2d(Array.from(ids), [rows, tokens], 'int32');
        const step = (): tf.Tensor => (cache.room >= 1 ? record(given()) : walk(given()));
        const logits = tokens === 1 ? (replay(ids) ?? withFloatChains(step)) : walk(given());
        return tf.reshape(logits, [rows, -1]);
      }),
    dispose() {
      forget();
      cache.dispose();
    },
  };
}
