import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * The source tree that this program was built from or runs in.
 * @throws when the program was taken away from its tree.
 */
export function findRoot(): string {
  for (let at = import.meta.dirname; ; at = dirname(at)) {
    if (existsSync(join(at, 'package.json'))) return at;
    if (at === dirname(at)) throw new Error(`No source tree above ${import.meta.dirname}; run ./pileus from a clone.`);
  }
}
