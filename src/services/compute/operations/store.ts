/** What of compute's rows nobody owns any more. */
import type { Db } from '#kernel/db/database.ts';
import type { ComputeTables } from '../tables.ts';

type Tx = Db<ComputeTables>;

/** Which of these servers are there and not deleted. */
export async function listLivingServers(db: Tx, ids: readonly string[]): Promise<Set<string>> {
  if (ids.length === 0) return new Set();
  const rows = await db
    .selectFrom('servers')
    .select('id')
    .where('id', 'in', ids)
    .where('deleted_at', 'is', null)
    .execute();
  return new Set(rows.map(({ id }) => id));
}

/** Desired guests whose server has no row, deleted or not. */
export async function listGuestsWithoutServer(
  db: Tx,
  limit: number,
): Promise<{ server_id: string; host_id: string; updated_at: number }[]> {
  return db
    .selectFrom('server_guests as g')
    .select(['g.server_id', 'g.host_id', 'g.updated_at'])
    .where(({ not, exists, selectFrom }) =>
      not(exists(selectFrom('servers as s').select('s.id').whereRef('s.id', '=', 'g.server_id'))),
    )
    .limit(limit)
    .execute();
}

/** False: its server is there, or the guest was not. */
export async function deleteGuestWithoutServer(tx: Tx, serverId: string, hostId: string): Promise<boolean> {
  const deleted = await tx
    .deleteFrom('server_guests')
    .where('server_id', '=', serverId)
    .where('host_id', '=', hostId)
    .where('server_id', 'not in', tx.selectFrom('servers').select('id').where('id', '=', serverId))
    .executeTakeFirst();
  return deleted.numDeletedRows === 1n;
}

/** Unfinished tasks of servers that have no row. */
export async function listTasksWithoutServer(
  db: Tx,
  limit: number,
): Promise<{ resource_id: string; kind: string; created_at: number }[]> {
  return db
    .selectFrom('tasks as t')
    .select(['t.resource_id', 't.kind', 't.created_at'])
    .where('t.state', '=', 'pending')
    .where('t.is_cancelled', '=', 0)
    .where('t.kind', 'like', 'compute.server.%')
    .where(({ not, exists, selectFrom }) =>
      not(exists(selectFrom('servers as s').select('s.id').whereRef('s.id', '=', 't.resource_id'))),
    )
    .limit(limit)
    .execute();
}
