import { type SqlBool, sql } from 'kysely';
import type { Db } from '#kernel/db/database.ts';
import { unlessTaken } from '#kernel/db/transaction.ts';
import { badBody, notFound } from '../errors.ts';
import { EVERYTHING } from '../resources/query.ts';
import {
  type Condition,
  inList,
  isBit,
  isText,
  type Scope,
  type Source,
  selectRows,
  standardFilters,
} from '../resources/store.ts';
import type { NetworkTables } from '../tables.ts';
import type { PortAddressRow, PortRow } from './tables.ts';

type Tx = Db<NetworkTables>;

export const portSource: Source = {
  table: 'ports',
  visible: (scope): Condition =>
    sql<SqlBool>`(t.project_id = ${scope.projectId} or t.network_id in (select id from networks where project_id = ${scope.projectId}))`,
  filters: {
    ...standardFilters,
    name: isText('name'),
    network_id: isText('network_id'),
    mac_address: (values) =>
      isText('mac_address')(
        values.map((value) => value.toLowerCase()),
        { projectId: null, isAdmin: true },
      ),
    admin_state_up: isBit('admin_state_up'),
    status: isText('status'),
    device_id: isText('device_id'),
    device_owner: isText('device_owner'),
    'binding:host_id': isText('host'),
    'binding:vnic_type': isText('vnic_type'),
    port_security_enabled: isBit('port_security_enabled'),
    dns_name: isText('dns_name'),
    fixed_ips: (values) => addressCondition(values),
    ip_address: (values) => addressCondition(values.map((value) => `ip_address=${value}`)),
    security_groups: (values) =>
      sql<SqlBool>`t.id in (select port_id from port_security_groups where ${inList(sql.ref('security_group_id'), values)})`,
    security_group_ids: (values) =>
      sql<SqlBool>`t.id in (select port_id from port_security_groups where ${inList(sql.ref('security_group_id'), values)})`,
  },
};

const ADDRESS_COLUMNS = { ip_address: 'address', subnet_id: 'subnet_id' } as const;

/** `fixed_ips=ip_address=10.0.0.3&fixed_ips=subnet_id=…`: values of one kind are alternatives, kinds must all hold. */
function addressCondition(values: readonly string[]): Condition {
  const byKind = Map.groupBy(
    values.map((value) => /^(ip_address|subnet_id|ip_address_substr)=(.*)$/s.exec(value) ?? refuseFilter(value)),
    ([, kind]) => kind,
  );
  const conditions = [...byKind].map(([kind, matches]) => {
    const wanted = matches.map((match) => match[2] ?? '');
    if (kind === 'ip_address_substr')
      return sql`(${sql.join(
        wanted.map((part) => sql`instr(a.address, ${part}) > 0`),
        sql` or `,
      )})`;
    return inList(sql.ref(`a.${ADDRESS_COLUMNS[kind as 'ip_address' | 'subnet_id']}`), wanted);
  });
  return sql<SqlBool>`exists (select 1 from port_addresses a where a.port_id = t.id and ${sql.join(conditions, sql` and `)})`;
}

function refuseFilter(value: string): never {
  throw badBody(
    `Invalid input for fixed_ips. Reason: '${value.slice(0, 100)}' is not ip_address=, subnet_id= or ip_address_substr=.`,
  );
}

export function portNotFound(id: string) {
  return notFound('PortNotFound', `Port ${id} could not be found.`);
}

export async function findPort(db: Tx, id: string): Promise<PortRow | undefined> {
  return db.selectFrom('ports').selectAll().where('id', '=', id).executeTakeFirst();
}

/** @throws {NotFound} also when the scope may not see it. */
export async function getPort(db: Tx, scope: Scope, id: string): Promise<PortRow> {
  const query = { ...EVERYTHING, filters: { id: [id] } };
  const row = (await selectRows<PortRow>(db, portSource, scope, query))[0];
  if (row === undefined) throw portNotFound(id);
  return row;
}

export async function listPorts(
  db: Tx,
  by: {
    readonly ids?: readonly string[];
    readonly networkIds?: readonly string[];
    readonly deviceIds?: readonly string[];
    readonly serverIds?: readonly string[];
    readonly deviceOwners?: readonly string[];
    readonly host?: string;
  },
): Promise<PortRow[]> {
  let select = db.selectFrom('ports').selectAll().orderBy('created_at').orderBy('id');
  for (const [column, values] of [
    ['id', by.ids],
    ['network_id', by.networkIds],
    ['device_id', by.deviceIds],
    ['server_id', by.serverIds],
    ['device_owner', by.deviceOwners],
  ] as const) {
    if (values === undefined) continue;
    if (values.length === 0) return [];
    select = select.where(column, 'in', values);
  }
  if (by.host !== undefined) select = select.where('host', '=', by.host);
  return select.execute();
}

export async function countPortsOf(db: Tx, networkId: string, deviceOwners: readonly string[]): Promise<number> {
  const row = await db
    .selectFrom('ports')
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .where('network_id', '=', networkId)
    .where('device_owner', 'in', deviceOwners)
    .executeTakeFirstOrThrow();
  return Number(row.count);
}

/** Whether another port of the network is on the host. */
export async function hasOtherPortOnHost(db: Tx, networkId: string, host: string, portId: string): Promise<boolean> {
  const row = await db
    .selectFrom('ports')
    .select('id')
    .where('network_id', '=', networkId)
    .where('host', '=', host)
    .where('id', '!=', portId)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** @returns false when the network has the MAC already. */
export async function insertPort(tx: Tx, row: PortRow): Promise<boolean> {
  return unlessTaken(tx.insertInto('ports').values(row).execute());
}

/** @returns false when the network has the new MAC already. */
export async function updatePortRow(tx: Tx, id: string, changes: Partial<PortRow>): Promise<boolean> {
  return unlessTaken(tx.updateTable('ports').set(changes).where('id', '=', id).execute());
}

/** The rows of ports and all that belongs to them alone. */
export async function deletePorts(tx: Tx, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await tx.deleteFrom('port_addresses').where('port_id', 'in', ids).execute();
  await tx.deleteFrom('port_security_groups').where('port_id', 'in', ids).execute();
  await tx.deleteFrom('network_tags').where('resource_id', 'in', ids).execute();
  await tx.deleteFrom('ports').where('id', 'in', ids).execute();
}

/** Addresses of ports, in the order in which they are shown. */
export async function addressesOf(db: Tx, portIds: readonly string[]): Promise<Map<string, PortAddressRow[]>> {
  if (portIds.length === 0) return new Map();
  const rows = await db
    .selectFrom('port_addresses')
    .selectAll()
    .where('port_id', 'in', portIds)
    .orderBy('position')
    .execute();
  return Map.groupBy(rows, (row) => row.port_id);
}

/** @returns false when somebody has the address. */
export async function takeAddress(tx: Tx, row: PortAddressRow): Promise<boolean> {
  if (await isAddressTaken(tx, row.subnet_id, row.address)) return false;
  return unlessTaken(tx.insertInto('port_addresses').values(row).execute());
}

async function isAddressTaken(tx: Tx, subnetId: string, address: string): Promise<boolean> {
  const taken = await tx
    .selectFrom('port_addresses')
    .select('port_id')
    .where('subnet_id', '=', subnetId)
    .where('address', '=', address)
    .executeTakeFirst();
  return taken !== undefined;
}

export async function countAddresses(tx: Tx, subnetId: string): Promise<number> {
  const row = await tx
    .selectFrom('port_addresses')
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .where('subnet_id', '=', subnetId)
    .executeTakeFirstOrThrow();
  return Number(row.count);
}

/** How many addresses each subnet has given. */
export async function countAddressesOf(db: Tx, subnetIds: readonly string[]): Promise<Map<string, number>> {
  if (subnetIds.length === 0) return new Map();
  const rows = await db
    .selectFrom('port_addresses')
    .select(['subnet_id', ({ fn }) => fn.countAll<number>().as('count')])
    .where('subnet_id', 'in', subnetIds)
    .groupBy('subnet_id')
    .execute();
  return new Map(rows.map((row) => [row.subnet_id, Number(row.count)]));
}

export async function listTakenAddresses(tx: Tx, subnetId: string): Promise<Set<string>> {
  const rows = await tx.selectFrom('port_addresses').select('address').where('subnet_id', '=', subnetId).execute();
  return new Set(rows.map((row) => row.address));
}

export async function removeAddresses(
  tx: Tx,
  by: { readonly subnetId: string } | { readonly portId: string; readonly addresses: readonly string[] },
): Promise<void> {
  if ('subnetId' in by) {
    await tx.deleteFrom('port_addresses').where('subnet_id', '=', by.subnetId).execute();
  } else if (by.addresses.length > 0) {
    await tx
      .deleteFrom('port_addresses')
      .where('port_id', '=', by.portId)
      .where('address', 'in', by.addresses)
      .execute();
  }
}

export async function findPortOfAddress(db: Tx, subnetId: string, address: string): Promise<PortRow | undefined> {
  return db
    .selectFrom('ports as p')
    .innerJoin('port_addresses as a', 'a.port_id', 'p.id')
    .selectAll('p')
    .where('a.subnet_id', '=', subnetId)
    .where('a.address', '=', address)
    .executeTakeFirst();
}

export async function listPortsOfSubnet(db: Tx, subnetId: string): Promise<PortRow[]> {
  return db
    .selectFrom('ports')
    .selectAll()
    .where('id', 'in', (eb) => eb.selectFrom('port_addresses').select('port_id').where('subnet_id', '=', subnetId))
    .execute();
}

/** Ids of each port's security groups. */
export async function groupsOf(db: Tx, portIds: readonly string[]): Promise<Map<string, string[]>> {
  if (portIds.length === 0) return new Map();
  const rows = await db.selectFrom('port_security_groups').selectAll().where('port_id', 'in', portIds).execute();
  const groups = new Map<string, string[]>();
  for (const row of rows) groups.set(row.port_id, [...(groups.get(row.port_id) ?? []), row.security_group_id]);
  return groups;
}

export async function setGroups(tx: Tx, portId: string, groupIds: readonly string[]): Promise<void> {
  await tx.deleteFrom('port_security_groups').where('port_id', '=', portId).execute();
  if (groupIds.length > 0)
    await tx
      .insertInto('port_security_groups')
      .values(groupIds.map((security_group_id) => ({ port_id: portId, security_group_id })))
      .execute();
}

/** Brings many ports to one status; those that have it are left. @returns the ids that changed. */
export async function setStatuses(tx: Tx, ids: readonly string[], status: PortRow['status']): Promise<void> {
  if (ids.length === 0) return;
  await tx.updateTable('ports').set({ status }).where('id', 'in', ids).execute();
}
