/**
 * What many hosts are told alike: a security group with its members, a network with its subnets and where it is.
 *
 * Theory of operation. A change raises a number for the group or network that it concerns, in its own transaction (`touch.ts`),
 * beside those of the hosts that must hear of it. What was read last is kept with the number that was read before it, and counts as
 * long as the number is that: so one look at the numbers stands for reading all members of all groups again, and what another
 * controller changes is seen as well.
 */
import type { Db } from '#kernel/db/database.ts';
import type { Revisions } from '#kernel/events/revisions.ts';
import type { NetworkRow } from '../networks/tables.ts';
import type { SubnetRow } from '../subnets/tables.ts';
import type { NetworkTables } from '../tables.ts';
import type { Place } from './store.ts';

/** Kept of each kind. Beyond it the oldest go, and are read again when a host needs them. */
const MAX_KEPT = 20_000;

export const groupTopic = (id: string): string => `network-group:${id}`;
export const networkTopic = (id: string): string => `network-shared:${id}`;

/** A network as all its hosts see it. */
export interface SharedNetwork {
  readonly id: string;
  readonly row: NetworkRow;
  readonly subnets: readonly SubnetRow[];
  readonly places: readonly Place[];
}

export interface Kept<T> {
  /** The things with these ids, in their order; those that are gone are left out. */
  list(db: Db<NetworkTables>, ids: readonly string[]): Promise<T[]>;
}

/** Keeps what `read` finds as long as the numbers of its topics stay. */
export function keepShared<T extends { readonly id: string }>(
  revisions: Revisions,
  topicOf: (id: string) => string,
  read: (db: Db<NetworkTables>, ids: readonly string[]) => Promise<readonly T[]>,
): Kept<T> {
  const kept = new Map<string, { readonly revision: number; readonly value: T }>();
  return {
    async list(db, ids) {
      // The numbers first: what changes meanwhile is kept under a number that no longer counts.
      const numbers = await revisions.currentOf(db, ids.map(topicOf));
      const numberOf = (id: string): number => numbers.get(topicOf(id)) ?? 0;
      const stale = ids.filter((id) => kept.get(id)?.revision !== numberOf(id));
      const fresh = new Map((stale.length === 0 ? [] : await read(db, stale)).map((value) => [value.id, value]));
      const found: T[] = [];
      for (const id of ids) {
        const known = kept.get(id);
        const value = fresh.get(id) ?? (known?.revision === numberOf(id) ? known.value : undefined);
        if (value === undefined) continue;
        found.push(value);
        if (fresh.has(id)) {
          kept.delete(id);
          kept.set(id, { revision: numberOf(id), value });
        }
      }
      for (const id of kept.keys()) {
        if (kept.size <= MAX_KEPT) break;
        kept.delete(id);
      }
      return found;
    },
  };
}
