import { type SqlBool, sql } from 'kysely';
import type { Db } from '#kernel/db/database.ts';
import { unlessTaken } from '#kernel/db/transaction.ts';
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
import type { NetworkRow, SegmentRow } from './tables.ts';

type Tx = Db<NetworkTables>;

export const networkSource: Source = {
  table: 'networks',
  visible: (scope): Condition =>
    sql<SqlBool>`(t.project_id = ${scope.projectId} or ${isOpened('network', ['access_as_shared', 'access_as_external'], 't.id', scope)})`,
  filters: {
    ...standardFilters,
    name: isText('name'),
    status: (values) => (values.includes('ACTIVE') ? sql<SqlBool>`1 = 1` : sql<SqlBool>`1 = 0`),
    admin_state_up: isBit('admin_state_up'),
    shared: isShared('network', 't.id'),
    mtu: isInteger('mtu'),
    'router:external': isBit('is_external'),
    'provider:network_type': isText('network_type'),
    'provider:physical_network': isTextOrNull('physical_network'),
    'provider:segmentation_id': isInteger('segmentation_id'),
    port_security_enabled: isBit('port_security_enabled'),
    is_default: isBit('is_default'),
    dns_domain: isText('dns_domain'),
  },
  columns: {
    'provider:network_type': 'network_type',
    'provider:physical_network': 'physical_network',
    'provider:segmentation_id': 'segmentation_id',
  },
};

export async function findNetwork(db: Tx, id: string): Promise<NetworkRow | undefined> {
  return db.selectFrom('networks').selectAll().where('id', '=', id).executeTakeFirst();
}

/** @throws {NotFound} also when the scope may not see it. */
export async function getNetwork(db: Tx, scope: Scope, id: string): Promise<NetworkRow> {
  const query = { ...EVERYTHING, filters: { id: [id] } };
  const row = (await selectRows<NetworkRow>(db, networkSource, scope, query))[0];
  if (row === undefined) throw networkNotFound(id);
  return row;
}

export function networkNotFound(id: string) {
  return notFound('NetworkNotFound', `Network ${id} could not be found.`);
}

export async function listNetworksById(db: Tx, ids: readonly string[]): Promise<NetworkRow[]> {
  if (ids.length === 0) return [];
  return db.selectFrom('networks').selectAll().where('id', 'in', ids).execute();
}

export async function insertNetwork(tx: Tx, row: NetworkRow): Promise<void> {
  await tx.insertInto('networks').values(row).execute();
}

export async function updateNetworkRow(tx: Tx, id: string, changes: Partial<NetworkRow>): Promise<void> {
  if (Object.keys(changes).length > 0) await tx.updateTable('networks').set(changes).where('id', '=', id).execute();
}

export async function deleteNetworkRow(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom('network_segments').where('network_id', '=', id).execute();
  await tx.deleteFrom('networks').where('id', '=', id).execute();
}

/** @returns false when another network has the segment. */
export async function takeSegment(tx: Tx, row: SegmentRow): Promise<boolean> {
  const taken = await tx
    .selectFrom('network_segments')
    .select('network_id')
    .where('network_type', '=', row.network_type)
    .where('physical_network', '=', row.physical_network)
    .where('segmentation_id', '=', row.segmentation_id)
    .executeTakeFirst();
  if (taken !== undefined) return false;
  return unlessTaken(tx.insertInto('network_segments').values(row).execute());
}

/** Segments of one kind that are in use. */
export async function listTakenSegments(tx: Tx, networkType: string, physicalNetwork: string): Promise<Set<number>> {
  const rows = await tx
    .selectFrom('network_segments')
    .select('segmentation_id')
    .where('network_type', '=', networkType)
    .where('physical_network', '=', physicalNetwork)
    .execute();
  return new Set(rows.map((row) => row.segmentation_id));
}

/** The default external network. */
export async function findDefaultExternal(tx: Tx): Promise<NetworkRow | undefined> {
  return tx
    .selectFrom('networks')
    .selectAll()
    .where('is_default', '=', 1)
    .where('is_external', '=', 1)
    .executeTakeFirst();
}

/** Projects other than the owner that have ports or subnets on the network. */
export async function listForeignUsers(tx: Tx, networkId: string, owner: string): Promise<string[]> {
  const ports = await tx
    .selectFrom('ports')
    .select('project_id')
    .distinct()
    .where('network_id', '=', networkId)
    .where('project_id', 'not in', [owner, ''])
    .execute();
  const subnets = await tx
    .selectFrom('subnets')
    .select('project_id')
    .distinct()
    .where('network_id', '=', networkId)
    .where('project_id', '!=', owner)
    .execute();
  return [...new Set([...ports, ...subnets].map((row) => row.project_id))];
}

/** Subnets of networks with what their pools say of address scopes. */
export async function listSubnetsOf(
  db: Tx,
  networkIds: readonly string[],
): Promise<{ id: string; network_id: string; ip_version: 4 | 6; address_scope_id: string | null }[]> {
  if (networkIds.length === 0) return [];
  return db
    .selectFrom('subnets as s')
    .leftJoin('subnet_pools as p', 'p.id', 's.subnetpool_id')
    .select(['s.id', 's.network_id', 's.ip_version', 'p.address_scope_id'])
    .where('s.network_id', 'in', networkIds)
    .orderBy('s.created_at')
    .execute();
}

/** Which of the objects are shared with the project. */
export async function listSharedIds(
  db: Tx,
  objectType: 'network' | 'security_group' | 'address_scope' | 'subnetpool' | 'address_group',
  ids: readonly string[],
  projectId: string | null,
): Promise<Set<string>> {
  if (ids.length === 0) return new Set();
  const rows = await db
    .selectFrom('rbac_policies')
    .select('object_id')
    .distinct()
    .where('object_type', '=', objectType)
    .where('action', '=', 'access_as_shared')
    .where('object_id', 'in', ids)
    .where('target_project', 'in', ['*', projectId ?? '*'])
    .execute();
  return new Set(rows.map((row) => row.object_id));
}

/** The DNS domain of each network; empty where it has none. */
export async function findNetworkDomains(db: Tx, ids: readonly string[]): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map();
  const rows = await db.selectFrom('networks').select(['id', 'dns_domain']).where('id', 'in', ids).execute();
  return new Map(rows.map((row) => [row.id, row.dns_domain]));
}
