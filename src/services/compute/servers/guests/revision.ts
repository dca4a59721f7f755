import type { Db } from '#kernel/db/database.ts';
import type { RevisionTables } from '#kernel/events/revisions.ts';
import type { ComputeDeps } from '../../deps.ts';

/** What a host waits for to hear of its guests. */
export const guestsTopic = (hostId: string): string => `guests:${hostId}`;

/** Says that a host's desired guests have changed, in the caller's transaction. Returns the new revision. */
export async function bumpGuests(deps: ComputeDeps, tx: ComputeDeps['db'], hostId: string): Promise<number> {
  const revisions = tx as unknown as Db<RevisionTables>;
  await deps.revisions.bump(revisions, guestsTopic(hostId));
  return currentGuests(deps, tx, hostId);
}

/** The revision of a host's desired guests; 0 before the first. */
export function currentGuests(deps: ComputeDeps, db: ComputeDeps['db'], hostId: string): Promise<number> {
  return deps.revisions.current(db as unknown as Db<RevisionTables>, guestsTopic(hostId));
}
