import type { Db } from '#kernel/db/database.ts';
import { unlessTaken } from '#kernel/db/transaction.ts';
import { conflict } from '../errors.ts';
import { applyFilters, type Filter } from '../store/filters.ts';
import type {
  AccessRuleId,
  AccessRuleRow,
  ApplicationCredentialId,
  ApplicationCredentialRow,
  ApplicationCredentialTables,
} from './tables.ts';

type CredentialDb = Db<ApplicationCredentialTables>;

export function findApplicationCredential(
  db: CredentialDb,
  id: ApplicationCredentialId,
): Promise<ApplicationCredentialRow | undefined> {
  return db.selectFrom('application_credentials').selectAll().where('id', '=', id).executeTakeFirst();
}

export function findApplicationCredentialByName(
  db: CredentialDb,
  userId: string,
  name: string,
): Promise<ApplicationCredentialRow | undefined> {
  return db
    .selectFrom('application_credentials')
    .selectAll()
    .where('user_id', '=', userId)
    .where('name', '=', name)
    .executeTakeFirst();
}

export function listApplicationCredentials(
  db: CredentialDb,
  userId: string,
  filters: readonly Filter[],
  limit: number,
): Promise<ApplicationCredentialRow[]> {
  const select = db
    .selectFrom('application_credentials')
    .selectAll()
    .where('user_id', '=', userId)
    .orderBy('id')
    .limit(limit + 1);
  return applyFilters(select, 'application_credentials', filters).execute();
}

/** @throws {Conflict} `identity.application_credential.conflict` when the user has one of this name. */
export async function insertApplicationCredential(
  db: CredentialDb,
  row: ApplicationCredentialRow,
  roleIds: readonly string[],
  ruleIds: readonly AccessRuleId[],
): Promise<void> {
  if (!(await unlessTaken(db.insertInto('application_credentials').values(row).execute())))
    throw conflict('application_credential', `Duplicate entry found with name ${row.name}`);
  for (const role_id of roleIds)
    await db
      .insertInto('application_credential_roles')
      .values({ application_credential_id: row.id, role_id })
      .execute();
  for (const access_rule_id of new Set(ruleIds))
    await db
      .insertInto('application_credential_access_rules')
      .values({ application_credential_id: row.id, access_rule_id })
      .execute();
}

export async function deleteApplicationCredential(db: CredentialDb, id: ApplicationCredentialId): Promise<void> {
  await db.deleteFrom('application_credentials').where('id', '=', id).execute();
}

/** All of a user's, or those on one project. */
export async function deleteApplicationCredentialsOf(
  db: CredentialDb,
  userId: string,
  projectId?: string,
): Promise<void> {
  let remove = db.deleteFrom('application_credentials').where('user_id', '=', userId);
  if (projectId !== undefined) remove = remove.where('project_id', '=', projectId);
  await remove.execute();
}

export async function listRoleIdsOf(db: CredentialDb, id: ApplicationCredentialId): Promise<string[]> {
  const rows = await db
    .selectFrom('application_credential_roles')
    .select('role_id')
    .where('application_credential_id', '=', id)
    .orderBy('role_id')
    .execute();
  return rows.map((row) => row.role_id);
}

export function listRulesOf(db: CredentialDb, id: ApplicationCredentialId): Promise<AccessRuleRow[]> {
  return db
    .selectFrom('application_credential_access_rules as link')
    .innerJoin('access_rules', 'access_rules.id', 'link.access_rule_id')
    .selectAll('access_rules')
    .where('link.application_credential_id', '=', id)
    .orderBy('access_rules.id')
    .execute();
}

export function findAccessRule(db: CredentialDb, id: AccessRuleId): Promise<AccessRuleRow | undefined> {
  return db.selectFrom('access_rules').selectAll().where('id', '=', id).executeTakeFirst();
}

/** The user's rule with this content, if it has one. */
export function findSameAccessRule(
  db: CredentialDb,
  rule: Omit<AccessRuleRow, 'id'>,
): Promise<AccessRuleRow | undefined> {
  return db
    .selectFrom('access_rules')
    .selectAll()
    .where('user_id', '=', rule.user_id)
    .where('service', '=', rule.service)
    .where('method', '=', rule.method)
    .where('path', '=', rule.path)
    .executeTakeFirst();
}

export function listAccessRules(
  db: CredentialDb,
  userId: string,
  filters: readonly Filter[],
  limit: number,
): Promise<AccessRuleRow[]> {
  const select = db
    .selectFrom('access_rules')
    .selectAll()
    .where('user_id', '=', userId)
    .orderBy('id')
    .limit(limit + 1);
  return applyFilters(select, 'access_rules', filters).execute();
}

export async function insertAccessRule(db: CredentialDb, row: AccessRuleRow): Promise<void> {
  await db.insertInto('access_rules').values(row).execute();
}

export async function isAccessRuleInUse(db: CredentialDb, id: AccessRuleId): Promise<boolean> {
  const row = await db
    .selectFrom('application_credential_access_rules')
    .select('access_rule_id')
    .where('access_rule_id', '=', id)
    .executeTakeFirst();
  return row !== undefined;
}

export async function deleteAccessRule(db: CredentialDb, id: AccessRuleId): Promise<void> {
  await db.deleteFrom('access_rules').where('id', '=', id).execute();
}
