import type { Db } from '#kernel/db/database.ts';
import type { ComputeTables } from '../tables.ts';
import type { ConsoleTokenRow } from './tables.ts';

/** Keeps a token, and forgets those that have run out. */
export async function insertConsoleToken(tx: Db<ComputeTables>, row: ConsoleTokenRow, nowMs: number): Promise<void> {
  await tx.deleteFrom('console_tokens').where('expires_at', '<=', nowMs).execute();
  await tx.insertInto('console_tokens').values(row).execute();
}

export interface ConsoleTarget {
  readonly serverId: string;
  readonly type: string;
  /** The host that has the server now. */
  readonly hostId: string;
}

/** What a token opens: nothing once it has run out, its server is deleted or has no host. */
export async function findConsoleTarget(
  db: Db<ComputeTables>,
  tokenHash: string,
  nowMs: number,
): Promise<ConsoleTarget | undefined> {
  const row = await db
    .selectFrom('console_tokens as token')
    .innerJoin('servers', 'servers.id', 'token.server_id')
    .select(['token.server_id', 'token.type', 'servers.host_id'])
    .where('token.token_hash', '=', tokenHash)
    .where('token.expires_at', '>', nowMs)
    .where('servers.deleted_at', 'is', null)
    .executeTakeFirst();
  if (row === undefined || row.host_id === null) return undefined;
  return { serverId: row.server_id, type: row.type, hostId: row.host_id };
}

export interface ConsoleServer {
  readonly id: string;
  readonly project_id: string;
  readonly host_id: string | null;
}

/** A server that is not deleted. */
export function findConsoleServer(db: Db<ComputeTables>, id: string): Promise<ConsoleServer | undefined> {
  return db
    .selectFrom('servers')
    .select(['id', 'project_id', 'host_id'])
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
}
