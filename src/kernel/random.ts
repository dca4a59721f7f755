import { randomBytes, randomInt } from 'node:crypto';

/** Where chance comes from; tests give a seeded one. Secrets always use `node:crypto` themselves. */
export interface Random {
  /** A whole number, `0 <= n < limit`. */
  below(limit: number): number;
  bytes(count: number): Buffer;
}

export const systemRandom: Random = {
  below: (limit) => randomInt(limit),
  bytes: (count) => randomBytes(count),
};

/** The same numbers again for the same seed (mulberry32). Not for secrets. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    below: (limit) => Math.floor(next() * limit),
    bytes: (count) => Buffer.from(Array.from({ length: count }, () => Math.floor(next() * 256))),
  };
}
