import type { Db } from '#kernel/db/database.ts';
import { fromJson } from '#kernel/db/json.ts';
import { BadRequest, NotFound } from '#kernel/errors.ts';
import { isUuidLike } from '#kernel/ids.ts';
import type { HostFacts } from '#protocol/hosts.ts';
import { findHostByNumber } from '../compute-services/store.ts';
import type { ComputeDeps } from '../deps.ts';
import { findHost, type Host, listHosts } from '../hosts/store.ts';
import { countServersOfHosts, listServersOfHosts, type ServerOfHost, type Workload } from './store.ts';

type Deps = Pick<ComputeDeps, 'db' | 'liveness' | 'placement' | 'clock'>;

/** A host as the API's hypervisor: what it has, and what of it is taken. */
export interface Hypervisor {
  readonly host: Host;
  readonly facts: HostFacts;
  readonly isUp: boolean;
  readonly used: { readonly vcpus: number; readonly memoryMib: number; readonly diskGib: number };
  readonly workload: Workload;
  /** Undefined where nobody asked for them. */
  readonly servers: readonly ServerOfHost[] | undefined;
  /** As `uptime` writes it; null for a host that is down. */
  readonly uptime: string | null;
}

export interface HypervisorSearch {
  /** A part of the name. */
  readonly pattern?: string | undefined;
  readonly withServers: boolean;
  /** An id of the microversion's kind. */
  readonly marker?: string | undefined;
  readonly limit: number;
  readonly isUuid: boolean;
}

/** @throws {NotFound} `compute.hypervisor.no_match`; {BadRequest} `compute.marker` */
export async function findHypervisors(deps: Deps, search: HypervisorSearch): Promise<Hypervisor[]> {
  const all = (await listHosts(deps.db)).toSorted((a, b) => a.number - b.number);
  const { pattern, marker, isUuid } = search;
  if (pattern !== undefined) {
    const wanted = pattern.toLowerCase();
    const matching = all.filter(({ hostname }) => hostname.toLowerCase().includes(wanted));
    if (matching.length === 0) {
      throw new NotFound(
        'compute.hypervisor.no_match',
        `No hypervisor matching '${pattern.slice(0, 255)}' could be found.`,
      );
    }
    return describe(deps, matching, search.withServers);
  }
  const at = all.findIndex((host) => (isUuid ? host.id : String(host.number)) === marker);
  if (marker !== undefined && at < 0)
    throw new BadRequest('compute.marker', `marker [${marker.slice(0, 255)}] not found`);
  return describe(deps, all.slice(at + 1, at + 1 + search.limit), search.withServers);
}

/** @throws {NotFound} `compute.hypervisor.absent`; {BadRequest} `compute.invalid_input` for what is no UUID (from 2.53 on). */
export async function showHypervisor(
  deps: Deps,
  id: string,
  { isUuid, withServers }: { readonly isUuid: boolean; readonly withServers: boolean },
): Promise<Hypervisor> {
  if (isUuid && !isUuidLike(id)) throw new BadRequest('compute.invalid_input', `Invalid uuid ${id.slice(0, 255)}`);
  const host = isUuid
    ? await findHost(deps.db, id)
    : /^[0-9]{1,15}$/.test(id)
      ? await findHostByNumber(deps.db, Number(id))
      : undefined;
  const [hypervisor] = host === undefined ? [] : await describe(deps, [host], withServers);
  if (hypervisor === undefined) {
    throw new NotFound('compute.hypervisor.absent', `Hypervisor with ID '${id.slice(0, 255)}' could not be found.`);
  }
  return hypervisor;
}

/** @throws {BadRequest} `compute.hypervisor.down` for a host that is not there to be asked. */
export async function showUptime(deps: Deps, id: string, isUuid: boolean): Promise<Hypervisor> {
  const hypervisor = await showHypervisor(deps, id, { isUuid, withServers: false });
  if (hypervisor.uptime === null) {
    throw new BadRequest(
      'compute.hypervisor.down',
      `Compute service of ${hypervisor.host.hostname} is unavailable at this time.`,
    );
  }
  return hypervisor;
}

async function describe(deps: Deps, hosts: readonly Host[], withServers: boolean): Promise<Hypervisor[]> {
  const workloads = await countServersOfHosts(deps.db);
  const ids = hosts.map(({ id }) => id);
  const servers = withServers ? Map.groupBy(await listServersOfHosts(deps.db, ids), (row) => row.host_id ?? '') : null;
  const found: Hypervisor[] = [];
  for (const host of hosts) {
    const facts = fromJson(host.facts);
    const isUp = deps.liveness.isUp(host);
    found.push({
      host,
      facts,
      isUp,
      used: await usedOf(deps, host, facts),
      workload: workloads.get(host.id) ?? { servers: 0, busy: 0 },
      servers: servers === null ? undefined : (servers.get(host.id) ?? []),
      uptime: isUp ? uptimeText(deps.clock.now().getTime(), host, facts) : null,
    });
  }
  return found;
}

/** What guests hold by placement's account; of the memory also what the host keeps for itself. */
async function usedOf({ db, placement }: Deps, host: Host, facts: HostFacts): Promise<Hypervisor['used']> {
  const held = await placement.usageOf(db as unknown as Db, host.id);
  return {
    vcpus: held['VCPU'] ?? 0,
    memoryMib: (held['MEMORY_MB'] ?? 0) + facts.hypervisor.reservedMemoryMib,
    diskGib: held['DISK_GB'] ?? 0,
  };
}

/** ` 08:32:11 up 93 days, 18:25`, as far as a host tells of itself. */
function uptimeText(nowMs: number, host: Host, facts: HostFacts): string {
  const seconds = facts.hypervisor.uptimeSeconds + Math.max(0, nowMs - host.last_seen_at) / 1000;
  const days = Math.floor(seconds / 86_400);
  const hours = Math.floor(seconds / 3600) % 24;
  const minutes = String(Math.floor(seconds / 60) % 60).padStart(2, '0');
  const clock = new Date(nowMs).toISOString().slice(11, 19);
  return ` ${clock} up ${days === 0 ? '' : `${days} day${days === 1 ? '' : 's'}, `}${hours}:${minutes}`;
}

/** Sums over the hosts that are not disabled. @see nova/db/main/api.py, compute_node_statistics */
export async function sumHypervisors(deps: Deps): Promise<Record<string, number>> {
  const all = await describe(
    deps,
    (await listHosts(deps.db)).filter((host) => host.is_disabled === 0),
    false,
  );
  const sum = (of: (hypervisor: Hypervisor) => number): number => all.reduce((total, each) => total + of(each), 0);
  return {
    count: all.length,
    current_workload: sum(({ workload }) => workload.busy),
    disk_available_least: sum(({ facts }) => facts.hypervisor.freeDiskGib),
    free_disk_gb: sum(({ facts, used }) => facts.hypervisor.diskGib - used.diskGib),
    free_ram_mb: sum(({ facts, used }) => facts.hypervisor.memoryMib - used.memoryMib),
    local_gb: sum(({ facts }) => facts.hypervisor.diskGib),
    local_gb_used: sum(({ used }) => used.diskGib),
    memory_mb: sum(({ facts }) => facts.hypervisor.memoryMib),
    memory_mb_used: sum(({ used }) => used.memoryMib),
    running_vms: sum(({ workload }) => workload.servers),
    vcpus: sum(({ facts }) => facts.hypervisor.vcpus),
    vcpus_used: sum(({ used }) => used.vcpus),
  };
}
