import type { Selectable } from 'kysely';
import type { Db } from '#kernel/db/database.ts';
import { unlessTaken } from '#kernel/db/transaction.ts';
import { Conflict, NotFound } from '#kernel/errors.ts';
import type { ComputeTables } from '../tables.ts';
import type { AggregateRow } from './tables.ts';

export interface AggregateHost {
  readonly id: string;
  readonly hostname: string;
}

export interface Aggregate extends Selectable<AggregateRow> {
  readonly metadata: Readonly<Record<string, string>>;
  /** In the order of their names. */
  readonly hosts: readonly AggregateHost[];
}

/** The metadata that makes an aggregate a zone. */
export const ZONE_KEY = 'availability_zone';

/** Every aggregate, oldest first. There are few: no caller needs pages of them. */
export async function listAggregates(db: Db<ComputeTables>): Promise<Aggregate[]> {
  const rows = await db.selectFrom('aggregates').selectAll().orderBy('number').execute();
  const metadata = await db.selectFrom('aggregate_metadata').selectAll().orderBy('name').execute();
  const hosts = await db
    .selectFrom('aggregate_hosts as member')
    .innerJoin('hosts', 'hosts.id', 'member.host_id')
    .select(['member.aggregate', 'hosts.id', 'hosts.hostname'])
    .orderBy('hosts.hostname')
    .execute();
  const metadataOf = Map.groupBy(metadata, (entry) => entry.aggregate);
  const hostsOf = Map.groupBy(hosts, (host) => host.aggregate);
  return rows.map((row) => ({
    ...row,
    metadata: Object.fromEntries((metadataOf.get(row.number) ?? []).map(({ name, value }) => [name, value])),
    hosts: (hostsOf.get(row.number) ?? []).map(({ id, hostname }) => ({ id, hostname })),
  }));
}

/** @throws {NotFound} `compute.aggregate.absent` */
export async function getAggregate(db: Db<ComputeTables>, number: number): Promise<Aggregate> {
  const found = (await listAggregates(db)).find((aggregate) => aggregate.number === number);
  if (found === undefined) throw new NotFound('compute.aggregate.absent', `Aggregate ${number} could not be found.`);
  return found;
}

export async function findAggregateByName(db: Db<ComputeTables>, name: string): Promise<number | undefined> {
  const row = await db.selectFrom('aggregates').select('number').where('name', '=', name).executeTakeFirst();
  return row?.number;
}

/** @throws {Conflict} `compute.aggregate.exists` */
export async function insertAggregate(
  tx: Db<ComputeTables>,
  row: { readonly uuid: string; readonly name: string; readonly createdAt: number },
): Promise<number> {
  await orNameTaken(row.name, () =>
    tx
      .insertInto('aggregates')
      .values({ uuid: row.uuid, name: row.name, created_at: row.createdAt, updated_at: null })
      .execute(),
  );
  const { number } = await tx
    .selectFrom('aggregates')
    .select('number')
    .where('uuid', '=', row.uuid)
    .executeTakeFirstOrThrow();
  return number;
}

/** @throws {Conflict} `compute.aggregate.exists` */
export async function renameAggregate(tx: Db<ComputeTables>, number: number, name: string, at: number): Promise<void> {
  await orNameTaken(name, () =>
    tx.updateTable('aggregates').set({ name, updated_at: at }).where('number', '=', number).execute(),
  );
}

async function orNameTaken(name: string, write: () => Promise<unknown>): Promise<void> {
  if (await unlessTaken(write())) return;
  throw new Conflict('compute.aggregate.exists', `Aggregate ${name} already exists.`);
}

/** Sets metadata and takes away what is null; the rest stays. */
export async function updateAggregateMetadata(
  tx: Db<ComputeTables>,
  number: number,
  metadata: Readonly<Record<string, string | null>>,
  at: number,
): Promise<void> {
  const names = Object.keys(metadata);
  if (names.length === 0) return;
  await tx.deleteFrom('aggregate_metadata').where('aggregate', '=', number).where('name', 'in', names).execute();
  const rows = Object.entries(metadata).flatMap(([name, value]) =>
    value === null ? [] : [{ aggregate: number, name, value }],
  );
  if (rows.length > 0) await tx.insertInto('aggregate_metadata').values(rows).execute();
  await tx.updateTable('aggregates').set({ updated_at: at }).where('number', '=', number).execute();
}

export async function deleteAggregate(tx: Db<ComputeTables>, number: number): Promise<void> {
  await tx.deleteFrom('aggregates').where('number', '=', number).execute();
}

export async function insertAggregateHost(tx: Db<ComputeTables>, number: number, hostId: string): Promise<void> {
  await tx.insertInto('aggregate_hosts').values({ aggregate: number, host_id: hostId }).execute();
}

export async function deleteAggregateHost(tx: Db<ComputeTables>, number: number, hostId: string): Promise<void> {
  await tx.deleteFrom('aggregate_hosts').where('aggregate', '=', number).where('host_id', '=', hostId).execute();
}

/** Takes a host out of every aggregate. */
export async function deleteHostFromAggregates(tx: Db<ComputeTables>, hostId: string): Promise<void> {
  await tx.deleteFrom('aggregate_hosts').where('host_id', '=', hostId).execute();
}

/** Whether any of the hosts has servers. */
export async function haveServers(db: Db<ComputeTables>, hostIds: readonly string[]): Promise<boolean> {
  if (hostIds.length === 0) return false;
  const row = await db
    .selectFrom('servers')
    .select('id')
    .where('host_id', 'in', hostIds)
    .where('deleted_at', 'is', null)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** Each host's zone by host id; a host without one is in the default zone and not in the map. */
export async function listHostZones(db: Db<ComputeTables>): Promise<Map<string, string>> {
  const rows = await db
    .selectFrom('aggregate_hosts as member')
    .innerJoin('aggregate_metadata as zone', 'zone.aggregate', 'member.aggregate')
    .select(['member.host_id', 'zone.value'])
    .where('zone.name', '=', ZONE_KEY)
    .execute();
  return new Map(rows.map((row) => [row.host_id, row.value]));
}

/** The zone that an aggregate puts a host into; undefined when none does. */
export async function findHostZone(db: Db<ComputeTables>, hostId: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('aggregate_hosts as member')
    .innerJoin('aggregate_metadata as zone', 'zone.aggregate', 'member.aggregate')
    .select('zone.value')
    .where('member.host_id', '=', hostId)
    .where('zone.name', '=', ZONE_KEY)
    .executeTakeFirst();
  return row?.value;
}
