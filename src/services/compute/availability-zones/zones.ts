import type { Db } from '#kernel/db/database.ts';
import { findHostZone, listHostZones } from '../aggregates/store.ts';
import { type Host, listHosts } from '../hosts/store.ts';
import type { ComputeTables } from '../tables.ts';

/** The zone of every host that no aggregate puts into another. */
export const DEFAULT_ZONE = 'nova';

export interface Zone {
  readonly name: string;
  /** Those that are not disabled. */
  readonly hosts: readonly Host[];
  /** Whether any of its hosts is enabled. */
  readonly isAvailable: boolean;
}

/** The zone that a host is in. */
export async function zoneOfHost(db: Db<ComputeTables>, hostId: string): Promise<string> {
  return (await findHostZone(db, hostId)) ?? DEFAULT_ZONE;
}

/** Every zone with its hosts: available ones first, each by name. @see nova/availability_zones.py */
export async function listZones(db: Db<ComputeTables>): Promise<Zone[]> {
  const zoneOf = await listHostZones(db);
  const byZone = Map.groupBy(await listHosts(db), (host) => zoneOf.get(host.id) ?? DEFAULT_ZONE);
  const zones = [...byZone].map(([name, all]) => {
    const hosts = all.filter((host) => host.is_disabled === 0);
    return { name, hosts, isAvailable: hosts.length > 0 };
  });
  return zones.toSorted(
    (a, b) => Number(b.isAvailable) - Number(a.isAvailable) || (a.name < b.name ? -1 : Number(a.name > b.name)),
  );
}
