/**
 * Where an agent's desired state comes from.
 *
 * Theory of operation. What the controller said last is kept in a file, so that a host whose agent or kernel restarts
 * knows what to do with no controller in reach. At start the file counts first, then whatever the controller says; the
 * first question has revision {@link NOTHING_SEEN}, so that a controller with another history is heard even if its
 * revision happens to be the same. A damaged file is no desired state, which is not the same as an empty one: nothing is
 * removed from the host because a file could not be read. Nor is anything changed for a controller that knows less than this
 * host has already done, because its database was lost or put back: what it does not remember would be destroyed.
 */
import { readFile } from 'node:fs/promises';
import type { Clock } from '#kernel/clock.ts';
import { errorChain } from '#kernel/errors.ts';
import { removeUnfinished, writeFileAtomic } from '#kernel/files.ts';
import type { Log } from '#kernel/log.ts';

/** A revision that no controller ever gives. */
export const NOTHING_SEEN = -1;

/** First wait after a failed poll; it doubles up to {@link MAX_BACKOFF_MS}. */
const FIRST_BACKOFF_MS = 500;
/** Longer leaves a host deaf after an outage, shorter has all hosts knock at a controller that is coming up. */
const MAX_BACKOFF_MS = 15_000;

/** Any desired state: it has a revision that rises with each change. */
export interface Revised {
  readonly revision: number;
}

export interface DesiredSource<T extends Revised> {
  /** The file that keeps the newest desired state; readable by its owner only, as it holds guests' secrets. */
  readonly file: string;
  /** The controller's long poll: the state once its revision differs from `since`, or null when it is time to ask again. */
  readonly wait: (since: number, signal: AbortSignal) => Promise<T | null>;
  /** Told at start what the file holds, and then each newer state, after it is on the disk. */
  readonly onDesired: (desired: T) => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** Follows the controller until `signal` aborts. Never rejects: without a controller it goes on asking. */
export async function followDesired<T extends Revised>(source: DesiredSource<T>, signal: AbortSignal): Promise<void> {
  const kept = await readKept<T>(source);
  if (kept !== undefined) source.onDesired(kept);
  let since = NOTHING_SEEN;
  let newest = kept?.revision ?? NOTHING_SEEN;
  let backoffMs = FIRST_BACKOFF_MS;
  // an agent before this one may have been killed in the middle of writing
  let isTidy = false;
  while (!signal.aborted) {
    try {
      const next = await source.wait(since, signal);
      backoffMs = FIRST_BACKOFF_MS;
      if (next === null || signal.aborted) continue;
      if (next.revision < newest) throw new LostHistory(next.revision, newest, source.file);
      newest = next.revision;
      if (!isTidy) await removeUnfinished(source.file);
      isTidy = false;
      await writeFileAtomic(source.file, JSON.stringify(next));
      isTidy = true;
      since = next.revision;
      source.onDesired(next);
    } catch (error) {
      if (signal.aborted) return;
      source.log.warn({ error: errorChain(error), backoffMs }, 'no desired state from the controller, will ask again');
      await source.clock.sleep(backoffMs, signal);
      backoffMs = Math.min(backoffMs * 2, MAX_BACKOFF_MS);
    }
  }
}

/** The controller's history ends before this host's: somebody must decide which of the two is right. */
class LostHistory extends Error {
  constructor(revision: number, kept: number, file: string) {
    super(
      `The controller is at revision ${revision}, this host already at ${kept}: the controller's database was lost or put back, ` +
        `and nothing is changed on this host. If the controller is right, remove ${file} and start the agent again.`,
    );
    this.name = 'LostHistory';
  }
}

async function readKept<T extends Revised>(source: DesiredSource<T>): Promise<T | undefined> {
  try {
    const kept = JSON.parse(await readFile(source.file, 'utf8')) as T;
    if (typeof kept?.revision === 'number') return kept;
    source.log.error({ file: source.file }, 'the kept desired state is damaged and is not used');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    source.log.error(
      { file: source.file, error: errorChain(error) },
      'the kept desired state cannot be read and is not used',
    );
  }
  return undefined;
}
