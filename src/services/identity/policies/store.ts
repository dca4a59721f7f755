import type { Db } from '#kernel/db/database.ts';
import { notFound } from '../errors.ts';
import { applyFilters, type Filter } from '../store/filters.ts';
import type { PolicyAssociationRow, PolicyRow, PolicyTables } from './tables.ts';

type PolicyDb = Db<PolicyTables>;

/** @throws {NotFound} `identity.policy.not_found`. */
export async function getPolicy(db: PolicyDb, id: string): Promise<PolicyRow> {
  const row = await db.selectFrom('policies').selectAll().where('id', '=', id).executeTakeFirst();
  if (row === undefined) throw notFound('policy', id);
  return row;
}

export function listPolicies(db: PolicyDb, filters: readonly Filter[], limit: number): Promise<PolicyRow[]> {
  const select = db
    .selectFrom('policies')
    .selectAll()
    .orderBy('id')
    .limit(limit + 1);
  return applyFilters(select, 'policies', filters).execute();
}

export async function insertPolicy(db: PolicyDb, row: PolicyRow): Promise<void> {
  await db.insertInto('policies').values(row).execute();
}

export async function updatePolicy(db: PolicyDb, id: string, change: Partial<PolicyRow>): Promise<void> {
  await db.updateTable('policies').set(change).where('id', '=', id).execute();
}

export async function deletePolicy(db: PolicyDb, id: string): Promise<void> {
  await db.deleteFrom('policies').where('id', '=', id).execute();
}

/** What a policy is attached to. */
export type Attachment = Omit<PolicyAssociationRow, 'policy_id'>;

export function findAssociation(db: PolicyDb, at: Attachment): Promise<PolicyAssociationRow | undefined> {
  return db
    .selectFrom('policy_associations')
    .selectAll()
    .where('endpoint_id', '=', at.endpoint_id)
    .where('service_id', '=', at.service_id)
    .where('region_id', '=', at.region_id)
    .executeTakeFirst();
}

export function listAssociations(db: PolicyDb, policyId: string): Promise<PolicyAssociationRow[]> {
  return db.selectFrom('policy_associations').selectAll().where('policy_id', '=', policyId).execute();
}

/** A policy takes the place of the one before it. */
export async function replaceAssociation(db: PolicyDb, row: PolicyAssociationRow): Promise<void> {
  await deleteAssociation(db, row);
  await db.insertInto('policy_associations').values(row).execute();
}

export async function deleteAssociation(db: PolicyDb, at: Attachment): Promise<void> {
  await db
    .deleteFrom('policy_associations')
    .where('endpoint_id', '=', at.endpoint_id)
    .where('service_id', '=', at.service_id)
    .where('region_id', '=', at.region_id)
    .execute();
}
