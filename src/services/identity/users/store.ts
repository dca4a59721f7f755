import type { Db } from '#kernel/db/database.ts';
import type { EpochMs } from '#kernel/db/json.ts';
import { unlessTaken } from '#kernel/db/transaction.ts';
import type { DomainId, ProjectId, UserId } from '#kernel/ids.ts';
import { conflict, notFound } from '../errors.ts';
import { applyFilters, type Filter } from '../store/filters.ts';
import type { PasswordRow, UserRow, UserTables } from './tables.ts';

export function findUser(db: Db<UserTables>, id: UserId): Promise<UserRow | undefined> {
  return db.selectFrom('users').selectAll().where('id', '=', id).executeTakeFirst();
}

/** @throws {NotFound} `identity.user.not_found`. */
export async function getUser(db: Db<UserTables>, id: UserId): Promise<UserRow> {
  const row = await findUser(db, id);
  if (row === undefined) throw notFound('user', id);
  return row;
}

export function findUserByName(db: Db<UserTables>, domainId: DomainId, name: string): Promise<UserRow | undefined> {
  return db
    .selectFrom('users')
    .selectAll()
    .where('domain_id', '=', domainId)
    .where('name', '=', name)
    .executeTakeFirst();
}

/** A user with its current password's end, as lists show it. */
export type ListedUser = UserRow & { readonly password_expires_at: EpochMs | null };

export interface UserQuery {
  readonly filters: readonly Filter[];
  readonly domainId?: DomainId | undefined;
  /** Compares the current password's end, as in `lt` and a time. */
  readonly passwordEnds?: { readonly operator: '<' | '<=' | '=' | '!=' | '>=' | '>'; readonly at: EpochMs } | undefined;
  readonly ids?: readonly UserId[] | undefined;
  readonly limit: number;
}

/** Users in the order of their ids; one more than the limit when there are more. */
export function listUsers(db: Db<UserTables>, query: UserQuery): Promise<ListedUser[]> {
  let select = db
    .selectFrom('users')
    .leftJoin('user_passwords as p', (join) =>
      join
        .onRef('p.user_id', '=', 'users.id')
        .on((eb) =>
          eb(
            'p.id',
            '=',
            eb
              .selectFrom('user_passwords as q')
              .select('q.id')
              .whereRef('q.user_id', '=', 'users.id')
              .orderBy('q.created_at', 'desc')
              .orderBy('q.id', 'desc')
              .limit(1),
          ),
        ),
    )
    .selectAll('users')
    .select('p.expires_at as password_expires_at')
    .orderBy('users.id')
    .limit(query.limit + 1);
  if (query.domainId !== undefined) select = select.where('users.domain_id', '=', query.domainId);
  if (query.ids !== undefined) select = select.where('users.id', 'in', [...query.ids, '']);
  if (query.passwordEnds !== undefined)
    select = select.where('p.expires_at', query.passwordEnds.operator, query.passwordEnds.at);
  return applyFilters(select, 'users', query.filters).execute();
}

/** @throws {Conflict} `identity.user.conflict` when the domain has one of this name. */
export async function insertUser(db: Db<UserTables>, row: UserRow): Promise<void> {
  await named(row.name, row.domain_id, () => db.insertInto('users').values(row).execute());
}

/** @throws {Conflict} `identity.user.conflict` when the domain has another of this name. */
export async function updateUser(db: Db<UserTables>, id: UserId, change: Partial<UserRow>): Promise<void> {
  if (Object.keys(change).length === 0) return;
  await named(change.name ?? null, change.domain_id ?? '', () =>
    db.updateTable('users').set(change).where('id', '=', id).execute(),
  );
}

export async function deleteUser(db: Db<UserTables>, id: UserId): Promise<void> {
  await db.deleteFrom('users').where('id', '=', id).execute();
}

/** Takes a project that is gone from the users who had it as their default. */
export async function clearDefaultProject(db: Db<UserTables>, projectId: ProjectId): Promise<void> {
  await db.updateTable('users').set({ default_project_id: null }).where('default_project_id', '=', projectId).execute();
}

/** The password in force; undefined for a user without one. */
export function findPassword(db: Db<UserTables>, userId: UserId): Promise<PasswordRow | undefined> {
  return db
    .selectFrom('user_passwords')
    .selectAll()
    .where('user_id', '=', userId)
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .executeTakeFirst();
}

/** The newest first. */
export function listPasswords(db: Db<UserTables>, userId: UserId, limit: number): Promise<PasswordRow[]> {
  return db
    .selectFrom('user_passwords')
    .selectAll()
    .where('user_id', '=', userId)
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();
}

/** Makes a password the one in force and forgets all but the newest `keep`. */
export async function insertPassword(db: Db<UserTables>, row: PasswordRow, keep: number): Promise<void> {
  // Later than the one before, even when both are set within one moment: the newest is the one in force.
  const before = await findPassword(db, row.user_id);
  const createdAt = Math.max(row.created_at, (before?.created_at ?? 0) + 1);
  await db
    .insertInto('user_passwords')
    .values({ ...row, created_at: createdAt })
    .execute();
  const kept = (await listPasswords(db, row.user_id, Math.max(1, keep))).map(({ id }) => id);
  await db.deleteFrom('user_passwords').where('user_id', '=', row.user_id).where('id', 'not in', kept).execute();
}

export async function deletePasswords(db: Db<UserTables>, userId: UserId): Promise<void> {
  await db.deleteFrom('user_passwords').where('user_id', '=', userId).execute();
}

async function named(name: string | null, domainId: DomainId, write: () => Promise<unknown>): Promise<void> {
  if (!(await unlessTaken(write())))
    throw conflict('user', `Duplicate entry found with name ${name ?? ''} at domain ID ${domainId}`);
}

/** One more wrong password; after a lock of `maxFailures` that began by `staleAt` the count begins anew. */
export async function countFailure(
  db: Db<UserTables>,
  id: UserId,
  at: { readonly now: EpochMs; readonly staleAt: EpochMs; readonly maxFailures: number },
): Promise<void> {
  await db
    .updateTable('users')
    .set({ failed_auth_count: 0 })
    .where('id', '=', id)
    .where('failed_auth_count', '>=', at.maxFailures)
    .where('failed_auth_at', '<=', at.staleAt)
    .execute();
  await db
    .updateTable('users')
    .set((eb) => ({ failed_auth_count: eb('failed_auth_count', '+', 1), failed_auth_at: at.now }))
    .where('id', '=', id)
    .execute();
}
