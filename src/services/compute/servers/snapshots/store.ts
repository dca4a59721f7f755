import type { Insertable, Selectable } from 'kysely';
import type { Db } from '#kernel/db/database.ts';
import type { SnapshotRow, SnapshotTables } from './tables.ts';

export type Snapshot = Selectable<SnapshotRow>;

export async function insertSnapshot(tx: Db<SnapshotTables>, row: Insertable<SnapshotRow>): Promise<void> {
  await tx.insertInto('server_snapshots').values(row).execute();
}

export async function findSnapshot(db: Db<SnapshotTables>, imageId: string): Promise<Snapshot | undefined> {
  return db.selectFrom('server_snapshots').selectAll().where('image_id', '=', imageId).executeTakeFirst();
}

/** Of one server, in any state. */
export async function listSnapshotsOf(db: Db<SnapshotTables>, serverId: string): Promise<Snapshot[]> {
  return db.selectFrom('server_snapshots').selectAll().where('server_id', '=', serverId).execute();
}

/** What a host is to make. */
export async function listWantedAt(db: Db<SnapshotTables>, hostId: string): Promise<Snapshot[]> {
  return db
    .selectFrom('server_snapshots')
    .selectAll()
    .where('host_id', '=', hostId)
    .where('state', '=', 'wanted')
    .orderBy('image_id')
    .execute();
}

/** Moves a snapshot on from the state that it was seen in. False: somebody else has, and nothing was written. */
export async function swapSnapshot(
  tx: Db<SnapshotTables>,
  seen: Pick<Snapshot, 'image_id' | 'state'>,
  state: Snapshot['state'],
  ports: Snapshot['ports'] = null,
): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('server_snapshots')
    .set({ state, ports })
    .where('image_id', '=', seen.image_id)
    .where('state', '=', seen.state)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** The ports of shelved servers, by server. */
export async function listShelvedPorts(
  db: Db<SnapshotTables>,
  serverIds: readonly string[],
): Promise<Pick<Snapshot, 'server_id' | 'ports'>[]> {
  return db
    .selectFrom('server_snapshots')
    .select(['server_id', 'ports'])
    .where('server_id', 'in', serverIds)
    .where('state', '=', 'stored')
    .execute();
}

/** Writes a shelved server's ports; nothing when it's not shelved. */
export async function setShelvedPorts(
  tx: Db<SnapshotTables>,
  serverId: string,
  ports: Snapshot['ports'],
): Promise<void> {
  await tx
    .updateTable('server_snapshots')
    .set({ ports })
    .where('server_id', '=', serverId)
    .where('state', '=', 'stored')
    .execute();
}

export async function deleteSnapshot(tx: Db<SnapshotTables>, imageId: string): Promise<void> {
  await tx.deleteFrom('server_snapshots').where('image_id', '=', imageId).execute();
}
