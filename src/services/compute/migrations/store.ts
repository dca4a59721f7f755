import type { Insertable, Selectable } from 'kysely';
import type { Db } from '#kernel/db/database.ts';
import { fromJson } from '#kernel/db/json.ts';
import { applyPage } from '#kernel/db/page.ts';
import type { ComputeTables } from '../tables.ts';
import type { MigrationRow } from './tables.ts';

export type ServerMigration = Selectable<MigrationRow>;

/** With the names of its hosts as they are now; null for a host that is no longer there. */
export interface MigrationWithHosts extends ServerMigration {
  readonly sourceName: string | null;
  readonly destName: string | null;
  readonly destAddress: string | null;
}

/** Writes down that a server sets out for another host; in the transaction that decides so. */
export async function insertMigration(tx: Db<ComputeTables>, row: Insertable<MigrationRow>): Promise<void> {
  await tx.insertInto('migrations').values(row).execute();
}

/** Writes down how far a migration has come. @param uuid The migration's. */
export async function updateMigration(
  tx: Db<ComputeTables>,
  uuid: string,
  patch: { readonly status: string; readonly dest_host_id?: string; readonly updated_at: number },
): Promise<void> {
  await tx.updateTable('migrations').set(patch).where('uuid', '=', uuid).execute();
}

/** Writes down how a server's finished migrations were decided: `confirmed` or `reverted`. */
export async function endMigrations(
  tx: Db<ComputeTables>,
  serverId: string,
  patch: { readonly status: 'confirmed' | 'reverted'; readonly updated_at: number },
): Promise<void> {
  await tx
    .updateTable('migrations')
    .set(patch)
    .where('server_id', '=', serverId)
    .where('status', '=', 'finished')
    .execute();
}

export interface MigrationFilter {
  /** A host's name, source or destination. */
  readonly host?: string | undefined;
  readonly sourceHost?: string | undefined;
  readonly serverId?: string | undefined;
  readonly status?: string | undefined;
  readonly type?: string | undefined;
  readonly userId?: string | undefined;
  readonly projectId?: string | undefined;
  readonly changedSince?: number | undefined;
  readonly changedBefore?: number | undefined;
}

/** Migrations that fit, newest first. */
export async function listMigrations(
  db: Db<ComputeTables>,
  filter: MigrationFilter,
  page: { readonly marker: ServerMigration | undefined; readonly limit: number },
): Promise<MigrationWithHosts[]> {
  const { host, sourceHost, serverId, status, type, userId, projectId, changedSince, changedBefore } = filter;
  const query = db
    .selectFrom('migrations')
    .leftJoin('hosts as source', 'source.id', 'migrations.source_host_id')
    .leftJoin('hosts as dest', 'dest.id', 'migrations.dest_host_id')
    .selectAll('migrations')
    .select(['source.hostname as sourceName', 'dest.hostname as destName', 'dest.facts as destFacts'])
    .$if(host !== undefined, (q) =>
      q.where((eb) => eb.or([eb('source.hostname', '=', host ?? ''), eb('dest.hostname', '=', host ?? '')])),
    )
    .$if(sourceHost !== undefined, (q) => q.where('source.hostname', '=', sourceHost ?? ''))
    .$if(serverId !== undefined, (q) => q.where('migrations.server_id', '=', serverId ?? ''))
    .$if(status !== undefined, (q) => q.where('migrations.status', '=', status ?? ''))
    .$if(type !== undefined, (q) => q.where('migrations.type', '=', (type ?? '') as MigrationRow['type']))
    .$if(userId !== undefined, (q) => q.where('migrations.user_id', '=', userId ?? ''))
    .$if(projectId !== undefined, (q) => q.where('migrations.project_id', '=', projectId ?? ''))
    .$if(changedSince !== undefined, (q) => q.where('migrations.updated_at', '>=', changedSince ?? 0))
    .$if(changedBefore !== undefined, (q) => q.where('migrations.updated_at', '<=', changedBefore ?? 0));
  const keys = ['migrations.created_at', 'migrations.number'].map((column) => ({
    column,
    direction: 'desc' as const,
  }));
  const marker = page.marker as unknown as Readonly<Record<string, unknown>> | undefined;
  const rows = await applyPage(query, { keys, marker, limit: page.limit }).execute();
  return rows.map(({ destFacts, ...row }) => ({
    ...row,
    destAddress: destFacts === null ? null : fromJson(destFacts).address,
  }));
}

export function findMigration(db: Db<ComputeTables>, uuid: string): Promise<ServerMigration | undefined> {
  return db.selectFrom('migrations').selectAll().where('uuid', '=', uuid).executeTakeFirst();
}
