import type { Db } from '#kernel/db/database.ts';
import { NotFound } from '#kernel/errors.ts';
import type { ComputeTables } from '../tables.ts';
import type { ServerGroupRow } from './tables.ts';

export interface ServerGroup extends ServerGroupRow {
  /** Servers in it that are not deleted, in the order of joining. */
  readonly members: readonly string[];
}

export function findServerGroup(db: Db<ComputeTables>, id: string): Promise<ServerGroupRow | undefined> {
  return db.selectFrom('server_groups').selectAll().where('id', '=', id).executeTakeFirst();
}

/** @throws {NotFound} `compute.server_group.absent` */
export async function getServerGroup(db: Db<ComputeTables>, id: string): Promise<ServerGroup> {
  const row = await findServerGroup(db, id);
  if (row === undefined) throw absent(id);
  return { ...row, members: await listGroupMembers(db, id) };
}

/** Oldest first. @param projectId Undefined for those of all projects. */
export async function listServerGroups(
  db: Db<ComputeTables>,
  projectId: string | undefined,
  { offset, limit }: { readonly offset: number; readonly limit: number },
): Promise<ServerGroup[]> {
  const rows = await db
    .selectFrom('server_groups')
    .selectAll()
    .$if(projectId !== undefined, (q) => q.where('project_id', '=', projectId ?? ''))
    .orderBy('created_at')
    .orderBy('id')
    .limit(limit)
    .offset(offset)
    .execute();
  const members = await membersOf(
    db,
    rows.map(({ id }) => id),
  );
  return rows.map((row) => ({ ...row, members: members.get(row.id) ?? [] }));
}

/** The servers in a group that are not deleted. */
export async function listGroupMembers(db: Db<ComputeTables>, groupId: string): Promise<string[]> {
  return (await membersOf(db, [groupId])).get(groupId) ?? [];
}

async function membersOf(db: Db<ComputeTables>, groupIds: readonly string[]): Promise<Map<string, string[]>> {
  if (groupIds.length === 0) return new Map();
  const rows = await db
    .selectFrom('server_group_members as member')
    .innerJoin('servers', 'servers.id', 'member.server_id')
    .select(['member.group_id', 'member.server_id'])
    .where('member.group_id', 'in', groupIds)
    .where('servers.deleted_at', 'is', null)
    .orderBy('servers.created_at')
    .orderBy('servers.id')
    .execute();
  const grouped = Map.groupBy(rows, (row) => row.group_id);
  return new Map([...grouped].map(([id, members]) => [id, members.map((member) => member.server_id)]));
}

/** The group that a server is in, or undefined. */
export function findGroupOfServer(db: Db<ComputeTables>, serverId: string): Promise<ServerGroupRow | undefined> {
  return db
    .selectFrom('server_groups')
    .innerJoin('server_group_members as member', 'member.group_id', 'server_groups.id')
    .selectAll('server_groups')
    .where('member.server_id', '=', serverId)
    .executeTakeFirst();
}

/** Puts servers into a group, in the transaction that makes them. */
export async function insertGroupMembers(
  tx: Db<ComputeTables>,
  groupId: string,
  serverIds: readonly string[],
): Promise<void> {
  if (serverIds.length === 0) return;
  await tx
    .insertInto('server_group_members')
    .values(serverIds.map((id) => ({ group_id: groupId, server_id: id })))
    .execute();
}

export async function insertServerGroup(tx: Db<ComputeTables>, row: ServerGroupRow): Promise<void> {
  await tx.insertInto('server_groups').values(row).execute();
}

/** Its servers stay. @throws {NotFound} `compute.server_group.absent` */
export async function deleteServerGroup(tx: Db<ComputeTables>, id: string): Promise<void> {
  const gone = await tx.deleteFrom('server_groups').where('id', '=', id).executeTakeFirst();
  if (gone.numDeletedRows === 0n) throw absent(id);
  await tx.deleteFrom('server_group_members').where('group_id', '=', id).execute();
}

export async function countServerGroups(db: Db<ComputeTables>, projectId: string, userId?: string): Promise<number> {
  const row = await db
    .selectFrom('server_groups')
    .select((eb) => eb.fn.countAll<number | string>().as('count'))
    .where('project_id', '=', projectId)
    .$if(userId !== undefined, (q) => q.where('user_id', '=', userId ?? ''))
    .executeTakeFirstOrThrow();
  return Number(row.count);
}

function absent(id: string): NotFound {
  return new NotFound('compute.server_group.absent', `Instance group ${id.slice(0, 255)} could not be found.`);
}

/** Lets those who place members of a server's group wait for each other, until the caller's transaction ends. */
export async function lockServerGroup(tx: Db<ComputeTables>, serverId: string): Promise<void> {
  const group = await findGroupOfServer(tx, serverId);
  if (group === undefined) return;
  // A write of what is there already locks the row in every database.
  await tx.updateTable('server_groups').set({ name: group.name }).where('id', '=', group.id).execute();
}
