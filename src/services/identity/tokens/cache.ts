/**
 * Tokens that were found good, by their digest.
 *
 * Theory of operation. What is kept is as good as the revision of `identity:tokens` it was read at. A change made here
 * empties the cache as it is committed; one made by another controller is seen at the next look at the revision, within
 * `LOOK_EVERY_MS`. What was being read while the cache was emptied is not kept (`generation`).
 */
import { createHash } from 'node:crypto';
import type { Clock } from '#kernel/clock.ts';
import type { Db } from '#kernel/db/database.ts';
import { afterCommit } from '#kernel/db/open-transaction.ts';
import type { Revisions, RevisionTables } from '#kernel/events/revisions.ts';

/** How long another controller's revocation may go unseen. Shorter asks the database more often, once per this time. */
const LOOK_EVERY_MS = 500;
/** About 2 kB each. Fewer makes busy clouds check the same tokens over; more costs memory. */
const MAX_TOKENS = 10_000;

export const TOKENS_TOPIC = 'identity:tokens';

export interface TokenCache<T> {
  /** What is known of a token, or what `read` finds; undefined is not kept. */
  through(token: string, read: () => Promise<T | undefined>): Promise<T | undefined>;
  /** Makes every controller look at all tokens anew, once the transaction is committed. */
  forget(tx: Db<RevisionTables>): Promise<void>;
}

export function createTokenCache<T>(db: Db<RevisionTables>, revisions: Revisions, clock: Clock): TokenCache<T> {
  const kept = new Map<string, T>();
  let generation = 0;
  let revision = -1;
  let lookedAtMs = Number.NEGATIVE_INFINITY;

  const clear = (): void => {
    kept.clear();
    generation++;
  };

  async function look(): Promise<void> {
    if (clock.monotonicMs() - lookedAtMs < LOOK_EVERY_MS) return;
    lookedAtMs = clock.monotonicMs();
    const now = await revisions.current(db, TOKENS_TOPIC);
    if (now === revision) return;
    revision = now;
    clear();
  }

  return {
    async through(token, read) {
      await look();
      const key = createHash('sha256').update(token).digest('base64');
      const known = kept.get(key);
      if (known !== undefined) {
        // Moves it to the end: the first is the one least recently asked for.
        kept.delete(key);
        kept.set(key, known);
        return known;
      }
      const before = generation;
      const found = await read();
      if (found === undefined || before !== generation) return found;
      if (kept.size >= MAX_TOKENS) {
        const oldest = kept.keys().next().value;
        if (oldest !== undefined) kept.delete(oldest);
      }
      kept.set(key, found);
      return found;
    },
    async forget(tx) {
      await revisions.bump(tx, TOKENS_TOPIC);
      afterCommit(clear);
    },
  };
}
