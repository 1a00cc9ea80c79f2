import type { KeyValueCache, Position } from '@chop/core';
import * as tf from '@tensorflow/tfjs-core';

import { defineKernel } from './kernel.js';

/** Tokens that a new cache has room for beyond its first ones; when they are spent the room is doubled. */
const FIRST_ROOM = 64;

type Inputs = { cache: tf.Variable; fresh: tf.Tensor; at: tf.Tensor };

/** `cache[:, at … at + t − 1] ← fresh`, in place: cache float32 `[b, capacity, …]`, fresh `[b, t, …]`, at int32. */
export const cacheAppendKernel = defineKernel({
  name: 'CacheAppend',
  writes: ['cache'],
  reference: ({ cache, fresh, at }: Inputs): tf.Tensor[] => {
    const [from, tokens] = [at.dataSync()[0]!, fresh.shape[1]!];
    const part = (begin: number, size: number): tf.Tensor =>
      tf.slice(cache, [0, begin, ...cache.shape.slice(2).map(() => 0)], [-1, size, ...cache.shape.slice(2).map(() => -1)]);
    tf.tidy(() => cache.assign(tf.concat([part(0, from), fresh, part(from + tokens, cache.shape[1]! - from - tokens)], 1)));
    return [];
  },
});

/** Keys and values of one layer: room for more tokens than there are. */
interface Room {
  readonly k: tf.Variable;
  readonly v: tf.Variable;
}

/** A cache that grows by doubling: a token is written into room that is there, and what was there before stays where it is. */
export interface GrowingCache extends KeyValueCache {
  /** Tokens that it takes before it grows: as long, its tensors stay the same ones. */
  readonly room: number;
}

/** An empty cache, for any number of layers. */
export function keyValueCache(): GrowingCache {
  const layers = new Map<number, Room>();
  let length = 0;
  let position: Position | undefined;
  const write = (cache: tf.Variable, fresh: tf.Tensor, at: tf.Tensor): void => void tf.tidy(() => cacheAppendKernel({ cache, fresh, at }, {}));

  function place(): Position {
    position ??= { value: length, tensor: tf.keep(tf.scalar(length, 'int32')) };
    return position;
  }

  function moveTo(tokens: number): void {
    position?.tensor.dispose();
    position = undefined;
    length = tokens;
  }

  /** A variable of `capacity` tokens that begins as `before`. */
  function roomFor(before: tf.Tensor, capacity: number): tf.Variable {
    const [batch, , ...rest] = before.shape as [number, number, ...number[]];
    const room = tf.tidy(() => tf.variable(tf.zeros([batch, capacity, ...rest]), false));
    tf.tidy(() => write(room, before, tf.scalar(0, 'int32')));
    return room;
  }

  return {
    get length() {
      return length;
    },
    get position() {
      return place();
    },
    get room() {
      return layers.size === 0 ? 0 : Math.min(...[...layers.values()].map(({ k }) => k.shape[1]! - length));
    },
    append(at, k, v) {
      const needed = length + k.shape[1]!;
      const room = layers.get(at);
      if (room && needed <= room.k.shape[1]!) {
        write(room.k, k, place().tensor);
        write(room.v, v, place().tensor);
        return room;
      }
      const capacity = room ? Math.max(needed, 2 * room.k.shape[1]!) : needed + FIRST_ROOM;
      const grown = { k: roomFor(room?.k ?? k, capacity), v: roomFor(room?.v ?? v, capacity) };
      if (room) {
        write(grown.k, k, place().tensor);
        write(grown.v, v, place().tensor);
        tf.dispose([room.k, room.v]);
      }
      layers.set(at, grown);
      return grown;
    },
    advance(tokens) {
      moveTo(length + tokens);
    },
    dispose() {
      for (const { k, v } of layers.values()) tf.dispose([k, v]);
      layers.clear();
      moveTo(0);
    },
  };
}
