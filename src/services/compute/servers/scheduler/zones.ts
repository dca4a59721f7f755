/** Where hosts are, and what groups servers are in: what placing and showing servers asks of aggregates and server groups. */
import { BadRequest } from '#kernel/errors.ts';
import { listAggregates, listHostZones } from '../../aggregates/store.ts';
import { DEFAULT_ZONE, zoneOfHost } from '../../availability-zones/zones.ts';
import type { ComputeDeps } from '../../deps.ts';
import { listBriefHosts } from '../../hosts/store.ts';
import { findGroupOfServer, listGroupMembers } from '../../server-groups/store.ts';
import { countServersByHost } from '../store.ts';
import type { GroupRequest, SchedulableHost } from './choose.ts';

type Deps = Pick<ComputeDeps, 'db' | 'liveness'>;

/** Every host as the scheduler sees it: three queries, however many there are. */
export async function listSchedulableHosts({ db, liveness }: Deps): Promise<SchedulableHost[]> {
  const hosts = await listBriefHosts(db);
  const zones = await listHostZones(db);
  const metadata = await listAggregateMetadata(db);
  return hosts.map((host) => ({
    id: host.id,
    hostname: host.hostname,
    isUp: liveness.isUp(host),
    isDisabled: host.is_disabled === 1,
    zone: zones.get(host.id) ?? DEFAULT_ZONE,
    aggregateMetadata: metadata.get(host.id) ?? {},
  }));
}

/** Metadata of the aggregates that hosts are in, by host: all values of each key. */
async function listAggregateMetadata(db: ComputeDeps['db']): Promise<Map<string, Record<string, string[]>>> {
  const found = new Map<string, Record<string, string[]>>();
  for (const aggregate of await listAggregates(db)) {
    for (const { id } of aggregate.hosts) {
      const ofHost = found.get(id) ?? {};
      for (const [key, value] of Object.entries(aggregate.metadata)) ofHost[key] = [...(ofHost[key] ?? []), value];
      found.set(id, ofHost);
    }
  }
  return found;
}

/** @throws {BadRequest} `compute.zone.absent` unless it is empty or some host's. */
export async function requireZone(deps: Deps, zone: string): Promise<void> {
  if (zone === '' || zone === DEFAULT_ZONE) return;
  const zones = await listHostZones(deps.db);
  if (![...zones.values()].includes(zone))
    throw new BadRequest('compute.zone.absent', 'The requested availability zone is not available');
}

export function zoneOf(deps: Deps, hostId: string): Promise<string> {
  return zoneOfHost(deps.db, hostId);
}

/** Zones of hosts, by id. */
export async function zonesOf(
  deps: Deps,
  hosts: readonly { readonly id: string }[],
): Promise<ReadonlyMap<string, string>> {
  const zones = await listHostZones(deps.db);
  return new Map(hosts.map((host) => [host.id, zones.get(host.id) ?? DEFAULT_ZONE]));
}

/** The server group of a server, as far as placing it goes; the server itself is not counted. */
export async function groupOf(db: ComputeDeps['db'], serverId: string): Promise<GroupRequest | null> {
  const group = await findGroupOfServer(db, serverId);
  if (group === undefined) return null;
  const others = (await listGroupMembers(db, group.id)).filter((id) => id !== serverId);
  return {
    policy: group.policy,
    members: await countServersByHost(db, others),
    maxPerHost: group.max_server_per_host ?? 1,
  };
}

/** Ids of the groups that a server is in. */
export async function groupsOf(db: ComputeDeps['db'], serverId: string): Promise<string[]> {
  const group = await findGroupOfServer(db, serverId);
  return group === undefined ? [] : [group.id];
}
