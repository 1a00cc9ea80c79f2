const WORDS = 624;
const MIDDLE = 397;

/**
 * Python's `random.Random(seed)`: the Mersenne Twister MT19937 (Matsumoto and Nishimura 1998), seeded by its key as CPython does, and the
 * ways in which CPython draws from it.
 */
export class PythonRandom {
  readonly #state = new Uint32Array(WORDS);
  #index = WORDS;

  /** @param seed - a whole number that is not negative. */
  constructor(seed: number) {
    const key: number[] = [];
    for (let rest = seed; rest > 0; rest = Math.floor(rest / 2 ** 32)) key.push(rest >>> 0);
    this.#seed(key.length === 0 ? [0] : key);
  }

  /** `sample(population, count)`: without putting back, in the order of drawing. */
  sample<T>(population: readonly T[], count: number): T[] {
    const size = population.length;
    const drawn: T[] = [];
    // CPython swaps in a copy of the population, unless a set of the places drawn so far is smaller.
    const setSize = 21 + (count > 5 ? 4 ** Math.ceil(Math.log(count * 3) / Math.log(4)) : 0);
    if (size <= setSize) {
      const pool = [...population];
      for (let i = 0; i < count; i++) {
        const at = this.below(size - i);
        drawn.push(pool[at]!);
        pool[at] = pool[size - i - 1]!;
      }
      return drawn;
    }
    const taken = new Set<number>();
    while (taken.size < count) {
      const at = this.below(size);
      if (taken.has(at)) continue;
      taken.add(at);
      drawn.push(population[at]!);
    }
    return drawn;
  }

  /** `randrange(limit)`: by throwing away what is too large. */
  below(limit: number): number {
    const bits = 32 - Math.clz32(limit);
    if (bits === 0) return 0;
    let drawn: number;
    do drawn = this.#word() >>> (32 - bits);
    while (drawn >= limit);
    return drawn;
  }

  /** `random()`: 53 bits, at least 0 and less than 1. */
  next(): number {
    const high = this.#word() >>> 5;
    return (high * 0x4000000 + (this.#word() >>> 6)) / 0x20000000000000;
  }

  #seed(key: readonly number[]): void {
    const state = this.#state;
    state[0] = 19650218;
    for (let i = 1; i < WORDS; i++) state[i] = Math.imul(1812433253, state[i - 1]! ^ (state[i - 1]! >>> 30)) + i;
    const mixed = (i: number, factor: number): number => state[i]! ^ Math.imul(state[i - 1]! ^ (state[i - 1]! >>> 30), factor);
    let i = 1;
    const step = (): void => {
      if (++i < WORDS) return;
      state[0] = state[WORDS - 1]!;
      i = 1;
    };
    for (let k = 0; k < Math.max(WORDS, key.length); k++) {
      state[i] = mixed(i, 1664525) + key[k % key.length]! + (k % key.length);
      step();
    }
    for (let k = 0; k < WORDS - 1; k++) {
      state[i] = mixed(i, 1566083941) - i;
      step();
    }
    state[0] = 0x80000000;
  }

  #word(): number {
    if (this.#index === WORDS) this.#twist();
    let y = this.#state[this.#index++]!;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  #twist(): void {
    const state = this.#state;
    for (let i = 0; i < WORDS; i++) {
      const y = (state[i]! & 0x80000000) | (state[(i + 1) % WORDS]! & 0x7fffffff);
      state[i] = state[(i + MIDDLE) % WORDS]! ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.#index = 0;
  }
}
