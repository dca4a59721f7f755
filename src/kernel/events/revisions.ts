/**
 * Numbers that rise when something changes, and waiting for them.
 *
 * Theory of operation. The truth is a row in SQL: whoever changes what a topic stands for raises the topic's number in
 * the same transaction. Waiting looks at the row; a ring inside this process ends the wait early, and where the
 * change was made by another controller the next look finds it. So a lost ring costs a moment and nothing else.
 */
import { type Generated, sql } from 'kysely';
import type { Clock } from '../clock.ts';
import { columns } from '../db/columns.ts';
import type { Db } from '../db/database.ts';
import type { Migrations } from '../db/migrate.ts';
import { afterCommit } from '../db/open-transaction.ts';

export interface RevisionTables {
  revisions: { topic: string; revision: Generated<number> };
}

export const revisionMigrations: Migrations = {
  'kernel-0001-revisions': {
    up: async (db) => {
      await db.schema
        .createTable('revisions')
        .ifNotExists()
        .addColumn('topic', columns.name, (c) => c.primaryKey())
        .addColumn('revision', columns.big, (c) => c.notNull())
        .execute();
    },
    down: (db) => db.schema.dropTable('revisions').ifExists().execute(),
  },
};

/** How often all that is waited for is looked at again: the delay at which a change made through another controller is seen. */
const LOOK_AGAIN_MS = 1_000;
/** Topics looked at by one statement. More would hold up others, fewer cost more statements. */
const LOOK_AT_ONCE = 512;

/** Why a wait ends early; an abort without a reason makes an error with a stack each time. */
const WOKEN = 'woken';

interface Waiter {
  readonly since: number;
  wake(): void;
}

export interface Revisions {
  /** Raises a topic's number, in the caller's transaction. */
  bump(tx: Db<RevisionTables>, topic: string): Promise<void>;
  /** Raises the numbers of several topics, each once. */
  bumpAll(tx: Db<RevisionTables>, topics: readonly string[]): Promise<void>;
  /** The topic's number; 0 before the first change. */
  current(db: Db<RevisionTables>, topic: string): Promise<number>;
  /** The numbers of several topics; those without a change are left out. */
  currentOf(db: Db<RevisionTables>, topics: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** Waits until the topic's number is not `since`; returns it, or null after `timeoutMs` or when `signal` aborts. */
  wait(topic: string, since: number, timeoutMs: number, signal: AbortSignal): Promise<number | null>;
}

export function createRevisions(db: Db<RevisionTables>, clock: Clock): Revisions {
  const waiting = new Map<string, Set<Waiter>>();
  let isLooking = false;

  const ring = (topic: string): void => {
    for (const { wake } of waiting.get(topic) ?? []) wake();
  };

  const current = async (from: Db<RevisionTables>, topic: string): Promise<number> => {
    const row = await from.selectFrom('revisions').select('revision').where('topic', '=', topic).executeTakeFirst();
    return row?.revision ?? 0;
  };

  /** Looks once for everybody who waits, as long as somebody does: however many hosts there are, it is a few statements. */
  async function lookAgain(): Promise<void> {
    if (isLooking) return;
    isLooking = true;
    while (waiting.size > 0) {
      await clock.sleep(LOOK_AGAIN_MS);
      try {
        for (const topics of chunksOf([...waiting.keys()])) wakeChanged(topics, await listRevisions(db, topics));
      } catch {
        // Each of them finds out by itself what is wrong.
        for (const topic of waiting.keys()) ring(topic);
      }
    }
    isLooking = false;
  }

  function wakeChanged(topics: readonly string[], revisions: ReadonlyMap<string, number>): void {
    for (const topic of new Set(topics)) {
      const revision = revisions.get(topic) ?? 0;
      for (const { since, wake } of waiting.get(topic) ?? []) if (since !== revision) wake();
    }
  }

  async function waitForRing(topic: string, since: number, ms: number, signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const waiter: Waiter = { since, wake: () => stop.abort(WOKEN) };
    const waiters = waiting.get(topic) ?? new Set();
    waiting.set(topic, waiters.add(waiter));
    signal.addEventListener('abort', waiter.wake, { once: true });
    void lookAgain();
    try {
      await clock.sleep(ms, stop.signal);
    } finally {
      signal.removeEventListener('abort', waiter.wake);
      waiters.delete(waiter);
      if (waiters.size === 0) waiting.delete(topic);
    }
  }

  async function bump(tx: Db<RevisionTables>, topic: string): Promise<void> {
    const raised = await tx
      .updateTable('revisions')
      .set({ revision: sql<number>`revision + 1` })
      .where('topic', '=', topic)
      .executeTakeFirst();
    if (raised.numUpdatedRows === 0n) await tx.insertInto('revisions').values({ topic, revision: 1 }).execute();
    afterCommit(() => ring(topic));
  }

  /** One statement for those that there are; the first change of a topic makes its row. */
  async function bumpSome(tx: Db<RevisionTables>, topics: readonly string[]): Promise<void> {
    const distinct = [...new Set(topics)];
    const known = await listRevisions(tx, topics);
    const raised = await tx
      .updateTable('revisions')
      .set({ revision: sql<number>`revision + 1` })
      .where('topic', 'in', topics)
      .executeTakeFirst();
    afterCommit(() => distinct.filter((topic) => known.has(topic)).forEach(ring));
    if (Number(raised.numUpdatedRows) === distinct.length) return;
    for (const topic of distinct) if (!known.has(topic)) await bump(tx, topic);
  }

  return {
    bump,
    current,
    async bumpAll(tx, topics) {
      for (const chunk of chunksOf(topics)) await bumpSome(tx, chunk);
    },
    async currentOf(from, topics) {
      const found = new Map<string, number>();
      for (const chunk of chunksOf(topics))
        for (const [topic, revision] of await listRevisions(from, chunk)) found.set(topic, revision);
      return found;
    },
    async wait(topic, since, timeoutMs, signal) {
      const endMs = clock.monotonicMs() + timeoutMs;
      for (;;) {
        // A ring between this look and the listening below is missed, which the next look makes good.
        const revision = await current(db, topic);
        if (revision !== since) return revision;
        const leftMs = endMs - clock.monotonicMs();
        if (leftMs <= 0 || signal.aborted) return null;
        await waitForRing(topic, since, leftMs, signal);
      }
    },
  };
}

async function listRevisions(db: Db<RevisionTables>, topics: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const rows = await db.selectFrom('revisions').selectAll().where('topic', 'in', topics).execute();
  return new Map(rows.map(({ topic, revision }) => [topic, revision]));
}

/** Lists of at most {@link LOOK_AT_ONCE}, filled up to a power of two: so there are few different statements. */
function chunksOf(topics: readonly string[]): string[][] {
  const chunks: string[][] = [];
  for (let i = 0; i < topics.length; i += LOOK_AT_ONCE) {
    const chunk = topics.slice(i, i + LOOK_AT_ONCE);
    const size = 2 ** Math.ceil(Math.log2(chunk.length));
    chunks.push([...chunk, ...Array.from({ length: size - chunk.length }, () => chunk[0] ?? '')]);
  }
  return chunks;
}
