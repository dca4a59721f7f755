import type { Db } from '#kernel/db/database.ts';
import { unlessTaken } from '#kernel/db/transaction.ts';
import { notFound } from '../errors.ts';
import { newRow, type Write } from '../resources/resource.ts';
import { isText, ownOnly, type Source, standardFilters } from '../resources/store.ts';
import type { NetworkTables } from '../tables.ts';
import type { RbacObjectType, RbacPolicyRow } from './tables.ts';

type Tx = Db<NetworkTables>;

export const rbacPolicySource: Source = {
  table: 'rbac_policies',
  visible: ownOnly,
  filters: {
    ...standardFilters,
    object_type: isText('object_type'),
    object_id: isText('object_id'),
    action: isText('action'),
    target_tenant: isText('target_project'),
    target_project: isText('target_project'),
  },
  columns: { target_tenant: 'target_project' },
};

export function rbacPolicyNotFound(id: string) {
  return notFound('RbacPolicyNotFound', `RBAC policy of type None with ID ${id} not found`);
}

export async function findRbacPolicy(db: Tx, id: string): Promise<RbacPolicyRow | undefined> {
  return db.selectFrom('rbac_policies').selectAll().where('id', '=', id).executeTakeFirst();
}

/** @returns false when there is the same one already. */
export async function insertRbacPolicy(tx: Tx, row: RbacPolicyRow): Promise<boolean> {
  return unlessTaken(tx.insertInto('rbac_policies').values(row).execute());
}

/** @returns false when there is the same one already. */
export async function retargetRbacPolicy(tx: Tx, id: string, target: string): Promise<boolean> {
  return unlessTaken(tx.updateTable('rbac_policies').set({ target_project: target }).where('id', '=', id).execute());
}

export async function deleteRbacPolicy(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom('rbac_policies').where('id', '=', id).execute();
}

/** Opens an object to everybody, as `shared: true` does; nothing happens when it is. */
export async function addRbacPolicy(
  write: Write,
  object: { readonly id: string; readonly project_id: string },
  action: RbacPolicyRow['action'],
  objectType: RbacObjectType = 'network',
): Promise<void> {
  const row = {
    ...newRow(write, { project_id: object.project_id }),
    object_type: objectType,
    object_id: object.id,
    action,
    target_project: '*',
  };
  await insertRbacPolicy(write.tx, row);
}

export async function removeRbacPolicies(
  tx: Tx,
  objectId: string,
  action: RbacPolicyRow['action'],
  target?: string,
): Promise<void> {
  let remove = tx.deleteFrom('rbac_policies').where('object_id', '=', objectId).where('action', '=', action);
  if (target !== undefined) remove = remove.where('target_project', '=', target);
  await remove.execute();
}

/** The other projects that the same object and action are opened to. */
export async function listTargets(
  db: Tx,
  objectId: string,
  action: RbacPolicyRow['action'],
  withoutId: string,
): Promise<Set<string>> {
  const rows = await db
    .selectFrom('rbac_policies')
    .select('target_project')
    .where('object_id', '=', objectId)
    .where('action', '=', action)
    .where('id', '!=', withoutId)
    .execute();
  return new Set(rows.map((row) => row.target_project));
}

/** Projects that use a security group on their ports. */
export async function listGroupUsers(db: Tx, groupId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('ports as p')
    .innerJoin('port_security_groups as g', 'g.port_id', 'p.id')
    .select('p.project_id')
    .distinct()
    .where('g.security_group_id', '=', groupId)
    .execute();
  return rows.map((row) => row.project_id);
}

/** Who owns an object that can be shared. */
export async function findOwner(db: Tx, objectType: RbacObjectType, id: string): Promise<string | undefined> {
  const table = (
    {
      network: 'networks',
      security_group: 'security_groups',
      address_scope: 'address_scopes',
      subnetpool: 'subnet_pools',
      address_group: 'address_groups',
    } as const
  )[objectType];
  const row = await db.selectFrom(table).select('project_id').where('id', '=', id).executeTakeFirst();
  return row?.project_id;
}
