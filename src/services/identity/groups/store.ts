import type { Db } from '#kernel/db/database.ts';
import { unlessTaken } from '#kernel/db/transaction.ts';
import type { DomainId, UserId } from '#kernel/ids.ts';
import { conflict, notFound } from '../errors.ts';
import { applyFilters, type Filter } from '../store/filters.ts';
import type { GroupId, GroupRow, GroupTables } from './tables.ts';

export function findGroup(db: Db<GroupTables>, id: GroupId): Promise<GroupRow | undefined> {
  return db.selectFrom('groups').selectAll().where('id', '=', id).executeTakeFirst();
}

/** @throws {NotFound} `identity.group.not_found`. */
export async function getGroup(db: Db<GroupTables>, id: GroupId): Promise<GroupRow> {
  const row = await findGroup(db, id);
  if (row === undefined) throw notFound('group', id);
  return row;
}

export function findGroupByName(db: Db<GroupTables>, domainId: DomainId, name: string): Promise<GroupRow | undefined> {
  return db
    .selectFrom('groups')
    .selectAll()
    .where('domain_id', '=', domainId)
    .where('name', '=', name)
    .executeTakeFirst();
}

export interface GroupQuery {
  readonly filters: readonly Filter[];
  readonly domainId?: DomainId | undefined;
  readonly ids?: readonly GroupId[] | undefined;
  readonly limit: number;
}

/** Groups in the order of their ids; one more than the limit when there are more. */
export function listGroups(db: Db<GroupTables>, query: GroupQuery): Promise<GroupRow[]> {
  let select = db
    .selectFrom('groups')
    .selectAll()
    .orderBy('id')
    .limit(query.limit + 1);
  if (query.domainId !== undefined) select = select.where('domain_id', '=', query.domainId);
  if (query.ids !== undefined) select = select.where('id', 'in', [...query.ids, '']);
  return applyFilters(select, 'groups', query.filters).execute();
}

/** @throws {Conflict} `identity.group.conflict` when the domain has one of this name. */
export async function insertGroup(db: Db<GroupTables>, row: GroupRow): Promise<void> {
  await named(row.name, row.domain_id, () => db.insertInto('groups').values(row).execute());
}

/** @throws {Conflict} `identity.group.conflict` when the domain has another of this name. */
export async function updateGroup(db: Db<GroupTables>, id: GroupId, change: Partial<GroupRow>): Promise<void> {
  if (Object.keys(change).length === 0) return;
  await named(change.name ?? '', change.domain_id ?? '', () =>
    db.updateTable('groups').set(change).where('id', '=', id).execute(),
  );
}

export async function deleteGroup(db: Db<GroupTables>, id: GroupId): Promise<void> {
  await db.deleteFrom('groups').where('id', '=', id).execute();
}

export async function listGroupIdsOfUser(db: Db<GroupTables>, userId: UserId): Promise<GroupId[]> {
  const rows = await db.selectFrom('group_members').select('group_id').where('user_id', '=', userId).execute();
  return rows.map((row) => row.group_id);
}

export async function listUserIdsOfGroup(db: Db<GroupTables>, groupId: GroupId): Promise<UserId[]> {
  const rows = await db.selectFrom('group_members').select('user_id').where('group_id', '=', groupId).execute();
  return rows.map((row) => row.user_id);
}

/** Members of several groups, by group. */
export async function listMembers(
  db: Db<GroupTables>,
  groupIds: readonly GroupId[],
): Promise<Map<GroupId, readonly UserId[]>> {
  const rows = await db
    .selectFrom('group_members')
    .selectAll()
    .where('group_id', 'in', [...groupIds, ''])
    .execute();
  const members = Map.groupBy(rows, (row) => row.group_id);
  return new Map([...members].map(([id, list]) => [id, list.map((row) => row.user_id)]));
}

export async function isMember(db: Db<GroupTables>, groupId: GroupId, userId: UserId): Promise<boolean> {
  const row = await db
    .selectFrom('group_members')
    .select('user_id')
    .where('group_id', '=', groupId)
    .where('user_id', '=', userId)
    .executeTakeFirst();
  return row !== undefined;
}

/** Once is as good as twice. */
export async function insertMember(db: Db<GroupTables>, groupId: GroupId, userId: UserId): Promise<void> {
  await unlessTaken(db.insertInto('group_members').values({ group_id: groupId, user_id: userId }).execute());
}

export async function deleteMember(db: Db<GroupTables>, groupId: GroupId, userId: UserId): Promise<void> {
  await db.deleteFrom('group_members').where('group_id', '=', groupId).where('user_id', '=', userId).execute();
}

async function named(name: string, domainId: DomainId, write: () => Promise<unknown>): Promise<void> {
  if (!(await unlessTaken(write())))
    throw conflict('group', `Duplicate entry found with name ${name} at domain ID ${domainId}`);
}
