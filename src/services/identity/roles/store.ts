import type { Db } from '#kernel/db/database.ts';
import { unlessTaken } from '#kernel/db/transaction.ts';
import type { DomainId } from '#kernel/ids.ts';
import { conflict, notFound } from '../errors.ts';
import { applyFilters, type Filter } from '../store/filters.ts';
import type { RoleId, RoleRow, RoleTables } from './tables.ts';

export function findRole(db: Db<RoleTables>, id: RoleId): Promise<RoleRow | undefined> {
  return db.selectFrom('roles').selectAll().where('id', '=', id).executeTakeFirst();
}

/** @throws {NotFound} `identity.role.not_found`. */
export async function getRole(db: Db<RoleTables>, id: RoleId): Promise<RoleRow> {
  const row = await findRole(db, id);
  if (row === undefined) throw notFound('role', id);
  return row;
}

/** A role of the whole cloud is found with an empty `domainId`. */
export function findRoleByName(db: Db<RoleTables>, domainId: DomainId, name: string): Promise<RoleRow | undefined> {
  return db
    .selectFrom('roles')
    .selectAll()
    .where('domain_id', '=', domainId)
    .where('name', '=', name)
    .executeTakeFirst();
}

export interface RoleQuery {
  readonly filters: readonly Filter[];
  /** Empty for roles of the whole cloud; any domain's when absent. */
  readonly domainId?: DomainId | undefined;
  readonly ids?: readonly RoleId[] | undefined;
  readonly limit: number;
}

/** Roles in the order of their ids; one more than the limit when there are more. */
export function listRoles(db: Db<RoleTables>, query: RoleQuery): Promise<RoleRow[]> {
  let select = db
    .selectFrom('roles')
    .selectAll()
    .orderBy('id')
    .limit(query.limit + 1);
  if (query.domainId !== undefined) select = select.where('domain_id', '=', query.domainId);
  if (query.ids !== undefined) select = select.where('id', 'in', [...query.ids, '']);
  return applyFilters(select, 'roles', query.filters).execute();
}

/** @throws {Conflict} `identity.role.conflict` when the name is taken. */
export async function insertRole(db: Db<RoleTables>, row: RoleRow): Promise<void> {
  await named(row.name, () => db.insertInto('roles').values(row).execute());
}

/** @throws {Conflict} `identity.role.conflict` when another has the name. */
export async function updateRole(db: Db<RoleTables>, id: RoleId, change: Partial<RoleRow>): Promise<void> {
  if (Object.keys(change).length === 0) return;
  await named(change.name ?? '', () => db.updateTable('roles').set(change).where('id', '=', id).execute());
}

export async function deleteRole(db: Db<RoleTables>, id: RoleId): Promise<void> {
  await db.deleteFrom('roles').where('id', '=', id).execute();
}

/** One rule: who has the prior role has the implied one too. */
export interface Implication {
  readonly prior_role_id: RoleId;
  readonly implied_role_id: RoleId;
}

export function listImplications(db: Db<RoleTables>): Promise<Implication[]> {
  return db.selectFrom('implied_roles').selectAll().orderBy('prior_role_id').orderBy('implied_role_id').execute();
}

/** @returns false when the rule was there already. */
export async function insertImplication(db: Db<RoleTables>, rule: Implication): Promise<boolean> {
  return unlessTaken(db.insertInto('implied_roles').values(rule).execute());
}

/** @returns whether there was such a rule. */
export async function deleteImplication(db: Db<RoleTables>, rule: Implication): Promise<boolean> {
  const gone = await db
    .deleteFrom('implied_roles')
    .where('prior_role_id', '=', rule.prior_role_id)
    .where('implied_role_id', '=', rule.implied_role_id)
    .executeTakeFirst();
  return gone.numDeletedRows > 0n;
}

async function named(name: string, write: () => Promise<unknown>): Promise<void> {
  if (!(await unlessTaken(write()))) throw conflict('role', `Duplicate entry found with name ${name}`);
}
