import { type SqlBool, sql } from 'kysely';
import type { Db } from '#kernel/db/database.ts';
import { notFound } from '../errors.ts';
import { EVERYTHING } from '../resources/query.ts';
import {
  type Condition,
  isBit,
  isInteger,
  isOpened,
  isShared,
  isText,
  isTextOrNull,
  type Scope,
  type Source,
  selectRows,
  standardFilters,
} from '../resources/store.ts';
import type { NetworkTables } from '../tables.ts';
import type { SubnetRow } from './tables.ts';

type Tx = Db<NetworkTables>;

export const subnetSource: Source = {
  table: 'subnets',
  visible: (scope): Condition =>
    sql<SqlBool>`(t.project_id = ${scope.projectId} or ${isOpened('network', ['access_as_shared'], 't.network_id', scope)}
      or t.network_id in (select id from networks where project_id = ${scope.projectId}))`,
  filters: {
    ...standardFilters,
    name: isText('name'),
    network_id: isText('network_id'),
    ip_version: isInteger('ip_version'),
    cidr: isText('cidr'),
    gateway_ip: isTextOrNull('gateway_ip'),
    enable_dhcp: isBit('enable_dhcp'),
    ipv6_ra_mode: isTextOrNull('ipv6_ra_mode'),
    ipv6_address_mode: isTextOrNull('ipv6_address_mode'),
    subnetpool_id: isTextOrNull('subnetpool_id'),
    shared: isShared('network', 't.network_id'),
    'router:external': (values) => sql<SqlBool>`t.network_id in (select id from networks
      where is_external in (${sql.join(values.map((value) => (/^(true|1)$/i.test(value) ? 1 : 0)))}))`,
    service_types: (values) =>
      sql<SqlBool>`(${sql.join(
        values.map((value) => sql`instr(t.service_types, ${JSON.stringify(value)}) > 0`),
        sql` or `,
      )})`,
  },
};

export function subnetNotFound(id: string) {
  return notFound('SubnetNotFound', `Subnet ${id} could not be found.`);
}

/** @throws {NotFound} also when the scope may not see it. */
export async function getSubnet(db: Tx, scope: Scope, id: string): Promise<SubnetRow> {
  const query = { ...EVERYTHING, filters: { id: [id] } };
  const row = (await selectRows<SubnetRow>(db, subnetSource, scope, query))[0];
  if (row === undefined) throw subnetNotFound(id);
  return row;
}

export async function listSubnetsOfNetwork(db: Tx, networkId: string): Promise<SubnetRow[]> {
  return db.selectFrom('subnets').selectAll().where('network_id', '=', networkId).orderBy('created_at').execute();
}

export async function listSubnetsOfNetworks(db: Tx, networkIds: readonly string[]): Promise<SubnetRow[]> {
  if (networkIds.length === 0) return [];
  return db.selectFrom('subnets').selectAll().where('network_id', 'in', networkIds).orderBy('created_at').execute();
}

export async function listSubnetsById(db: Tx, ids: readonly string[]): Promise<SubnetRow[]> {
  if (ids.length === 0) return [];
  return db.selectFrom('subnets').selectAll().where('id', 'in', ids).execute();
}

/** What has been allocated from pools. */
export async function listSubnetsOfPools(db: Tx, poolIds: readonly string[]): Promise<SubnetRow[]> {
  if (poolIds.length === 0) return [];
  return db.selectFrom('subnets').selectAll().where('subnetpool_id', 'in', poolIds).execute();
}

export async function insertSubnet(tx: Tx, row: SubnetRow): Promise<void> {
  await tx.insertInto('subnets').values(row).execute();
}

export async function updateSubnetRow(tx: Tx, id: string, changes: Partial<SubnetRow>): Promise<void> {
  await tx.updateTable('subnets').set(changes).where('id', '=', id).execute();
}

export async function deleteSubnetRow(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom('network_tags').where('resource_id', '=', id).execute();
  await tx.deleteFrom('subnets').where('id', '=', id).execute();
}
