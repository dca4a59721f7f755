import type { Insertable, Selectable, Updateable } from 'kysely';
import type { Db } from '#kernel/db/database.ts';
import { listWantedAt, type Snapshot } from '../snapshots/store.ts';
import type { GuestRow, ServerRow, ServerTables } from '../tables.ts';

export type Guest = Selectable<GuestRow>;

/** A guest with its server's row. */
export interface GuestOfServer {
  readonly guest: Guest;
  readonly server: Selectable<ServerRow>;
  /** Snapshots that its host is to make. */
  readonly snapshots: readonly Snapshot[];
}

/** The guest that a server is to have; not one that a host is to give up. */
export async function findGuest(db: Db<ServerTables>, serverId: string): Promise<Guest | undefined> {
  return db
    .selectFrom('server_guests')
    .selectAll()
    .where('server_id', '=', serverId)
    .where('is_gone', '=', 0)
    .executeTakeFirst();
}

export async function listGuestsOf(db: Db<ServerTables>, serverId: string): Promise<Guest[]> {
  return db.selectFrom('server_guests').selectAll().where('server_id', '=', serverId).execute();
}

/** All guests of a host with their servers, gone ones when `withGone`: three queries. */
export async function listGuestsAt(db: Db<ServerTables>, hostId: string, withGone: boolean): Promise<GuestOfServer[]> {
  const guests = await db
    .selectFrom('server_guests')
    .selectAll()
    .where('host_id', '=', hostId)
    .$if(!withGone, (q) => q.where('is_gone', '=', 0))
    .orderBy('server_id')
    .execute();
  if (guests.length === 0) return [];
  const servers = await db
    .selectFrom('servers')
    .selectAll()
    .where('id', 'in', (eb) => eb.selectFrom('server_guests').select('server_id').where('host_id', '=', hostId))
    .execute();
  const byId = new Map(servers.map((server) => [server.id, server]));
  const snapshots = Map.groupBy(await listWantedAt(db, hostId), (row) => row.server_id);
  return guests.flatMap((guest) => {
    const server = byId.get(guest.server_id);
    return server === undefined ? [] : [{ guest, server, snapshots: snapshots.get(server.id) ?? [] }];
  });
}

export async function insertGuest(tx: Db<ServerTables>, row: Insertable<GuestRow>): Promise<void> {
  await tx.insertInto('server_guests').values(row).execute();
}

export async function updateGuest(
  db: Db<ServerTables>,
  key: { readonly server_id: string; readonly host_id: string },
  patch: Updateable<GuestRow>,
): Promise<void> {
  await db
    .updateTable('server_guests')
    .set(patch)
    .where('server_id', '=', key.server_id)
    .where('host_id', '=', key.host_id)
    .execute();
}

export async function deleteGuest(
  db: Db<ServerTables>,
  key: { readonly server_id: string; readonly host_id: string },
): Promise<void> {
  await db
    .deleteFrom('server_guests')
    .where('server_id', '=', key.server_id)
    .where('host_id', '=', key.host_id)
    .execute();
}
