/** Chance for a whole run: a fast seeded generator, and streams of it that do not disturb each other. */
import type { Random } from '#kernel/random.ts';

export interface Chance extends Random {
  /** True so often of a hundred times. */
  percent(times: number): boolean;
  /** A number of [0, 1). */
  unit(): number;
}

/** The same numbers again for the same seed (sfc32 over a mixed seed). Not for secrets. */
export function createChance(seed: number): Chance {
  let [a, b, c, d] = [0x9e3779b9 ^ seed, 0x243f6a88, 0xb7e15162, seed >>> 0];
  const next = (): number => {
    const t = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + t;
    return t >>> 0;
  };
  for (let i = 0; i < 12; i++) next();
  const unit = (): number => next() / 2 ** 32;
  return {
    unit,
    below: (limit) => Math.floor(unit() * limit),
    percent: (times) => unit() * 100 < times,
    bytes(count) {
      const bytes = Buffer.allocUnsafe(count);
      for (let i = 0; i < count; i++) bytes[i] = next() & 255;
      return bytes;
    },
  };
}
