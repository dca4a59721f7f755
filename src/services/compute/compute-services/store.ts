import type { Db } from '#kernel/db/database.ts';
import type { Bit } from '#kernel/db/json.ts';
import type { Host } from '../hosts/store.ts';
import type { HostTables } from '../hosts/tables.ts';

/** What an operator has said of a host. */
export interface HostOperation {
  readonly is_disabled?: Bit;
  readonly disabled_reason?: string | null;
  readonly is_forced_down?: Bit;
}

export async function updateHostOperation(
  db: Db<HostTables>,
  hostId: string,
  operation: HostOperation,
  at: number,
): Promise<void> {
  await db
    .updateTable('hosts')
    .set({ ...operation, updated_at: at })
    .where('id', '=', hostId)
    .execute();
}

export function findHostByNumber(db: Db<HostTables>, number: number): Promise<Host | undefined> {
  return db.selectFrom('hosts').selectAll().where('number', '=', number).executeTakeFirst();
}

export async function deleteHost(tx: Db<HostTables>, hostId: string): Promise<void> {
  await tx.deleteFrom('hosts').where('id', '=', hostId).execute();
}
