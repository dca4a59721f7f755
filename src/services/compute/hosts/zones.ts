/** Where hosts are, and what groups servers are in: what the scheduler asks of aggregates and server groups. */
import { BadRequest } from '#kernel/errors.ts';
import type { ComputeDeps } from '../deps.ts';
import type { GroupRequest, SchedulableHost } from '../servers/scheduler/choose.ts';
import { type Host, listHosts } from './store.ts';

/** The zone of hosts that are in none. @see nova's default_availability_zone */
export const DEFAULT_ZONE = 'nova';

export interface Zones {
  /** Every host as the scheduler sees it. */
  listSchedulableHosts(): Promise<SchedulableHost[]>;
  /** The zone of a host. */
  zoneOf(hostId: string): Promise<string>;
  /** Zones of hosts, by id. */
  zonesOf(hosts: readonly Host[]): Promise<Map<string, string>>;
  /** @throws {BadRequest} `compute.zone.absent` unless it is empty or some host's. */
  requireZone(zone: string): Promise<void>;
  /** The server group of a server, as far as placing it goes. */
  groupOf(serverId: string): Promise<GroupRequest | null>;
  /** Ids of the groups that a server is in. */
  groupsOf(serverId: string): Promise<string[]>;
}

export function createZones(deps: Pick<ComputeDeps, 'db' | 'liveness'>): Zones {
  const listSchedulableHosts = async (): Promise<SchedulableHost[]> =>
    (await listHosts(deps.db)).map((host) => ({
      id: host.id,
      hostname: host.hostname,
      isUp: deps.liveness.isUp(host),
      isDisabled: host.is_disabled === 1,
      zone: DEFAULT_ZONE,
      aggregateMetadata: {},
    }));
  return {
    listSchedulableHosts,
    zoneOf: async () => DEFAULT_ZONE,
    async requireZone(zone) {
      if (zone === '' || zone === DEFAULT_ZONE) return;
      const hosts = await listSchedulableHosts();
      if (!hosts.some((host) => host.zone === zone))
        throw new BadRequest('compute.zone.absent', 'The requested availability zone is not available');
    },
    groupOf: async () => null,
    groupsOf: async () => [],
    zonesOf: async (hosts) => new Map(hosts.map((host) => [host.id, DEFAULT_ZONE])),
  };
}
