import type { Db } from '#kernel/db/database.ts';
import { fromJson } from '#kernel/db/json.ts';
import type { ComputeTables } from '../tables.ts';

export interface ServerOfHost {
  readonly id: string;
  readonly name: string;
  readonly host_id: string | null;
  readonly project_id: string;
  readonly vcpus: number;
  readonly memory_mib: number;
  readonly task_state: string | null;
  /** Of its flavor: root and ephemeral disks. */
  readonly diskGib: number;
}

/** Servers on some hosts that are not deleted, oldest first. */
export async function listServersOfHosts(db: Db<ComputeTables>, hostIds: readonly string[]): Promise<ServerOfHost[]> {
  if (hostIds.length === 0) return [];
  const rows = await db
    .selectFrom('servers')
    .select(['id', 'name', 'host_id', 'project_id', 'vcpus', 'memory_mib', 'task_state', 'flavor'])
    .where('host_id', 'in', hostIds)
    .where('deleted_at', 'is', null)
    .orderBy('created_at')
    .orderBy('id')
    .execute();
  return rows.map(({ flavor, ...row }) => {
    const { rootGib, ephemeralGib } = fromJson(flavor);
    return { ...row, diskGib: rootGib + ephemeralGib };
  });
}

export interface Workload {
  /** Servers on the host. */
  readonly servers: number;
  /** Those of them with which something is being done. */
  readonly busy: number;
}

/** How many servers each host has, by its id. */
export async function countServersOfHosts(db: Db<ComputeTables>): Promise<Map<string, Workload>> {
  const rows = await db
    .selectFrom('servers')
    .select((eb) => [
      'host_id',
      eb.fn.countAll<number | string>().as('servers'),
      eb.fn.count<number | string>('task_state').as('busy'),
    ])
    .where('host_id', 'is not', null)
    .where('deleted_at', 'is', null)
    .groupBy('host_id')
    .execute();
  return new Map(rows.map((row) => [row.host_id ?? '', { servers: Number(row.servers), busy: Number(row.busy) }]));
}
