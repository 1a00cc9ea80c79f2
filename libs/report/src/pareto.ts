/** Whether less or more of a measure is better. */
export type Better = 'lower' | 'higher';

/** A model between two measures. */
export interface Placed {
  readonly x: number;
  readonly y: number;
}

/**
 * The places that no other beats: none is at least as good in both measures and better in one. In the order of `x`, and of equal places all.
 *
 * @example paretoFront([{ x: 1, y: 1 }, { x: 2, y: 2 }], { x: 'lower', y: 'lower' }) // [{ x: 1, y: 1 }]
 */
export function paretoFront<P extends Placed>(places: readonly P[], better: { readonly x: Better; readonly y: Better }): P[] {
  const gain = (from: number, to: number, way: Better): number => (way === 'higher' ? to - from : from - to);
  const beats = (one: P, other: P): boolean => {
    const [across, up] = [gain(other.x, one.x, better.x), gain(other.y, one.y, better.y)];
    return across >= 0 && up >= 0 && across + up > 0;
  };
  return places.filter((place) => !places.some((other) => beats(other, place))).sort((a, b) => a.x - b.x);
}

/**
 * The border of what the front reaches, as corners from left to right: whatever lies on its other side is beaten by a place of the front.
 *
 * @param front - of {@link paretoFront}
 */
export function frontCorners(front: readonly Placed[], better: { readonly x: Better }): Placed[] {
  return front.flatMap((place, index) => {
    const next = front[index + 1];
    if (!next) return [place];
    // Where less is better, what a place reaches holds to its right until a better one comes; where more is better, to its left.
    return [place, better.x === 'lower' ? { x: next.x, y: place.y } : { x: place.x, y: next.y }];
  });
}
