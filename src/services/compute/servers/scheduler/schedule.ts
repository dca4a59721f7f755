import type { Db } from '#kernel/db/database.ts';
import { fromJson } from '#kernel/db/json.ts';
import { CloudError, ServiceUnavailable } from '#kernel/errors.ts';
import type { ComputeDeps } from '../../deps.ts';
import { listHostsOfServers, type Server } from '../store.ts';
import type { ServerFlavor } from '../tables.ts';
import { chooseHosts, explainRejections, type PlaceRequest } from './choose.ts';
import { groupOf, listSchedulableHosts } from './zones.ts';

/**
 * How many hosts a server is tried to be claimed on before it is scheduled anew. Fewer give up while there is room; more try
 * hosts whose room was counted before all those who were quicker came.
 */
const MAX_CLAIMS = 10;

/** No host can take a server; `details` name hosts and are for administrators. */
export class NoValidHost extends CloudError {
  readonly status = 400;
  readonly details: string;
  constructor(message: string, details: string) {
    super('compute.scheduler.no_valid_host', message);
    this.details = details;
  }
}

/**
 * Others took what was fit while a server was being placed. Who waits a little and schedules anew, as the task engine does, sees
 * what they have left: a place, or the reasons of a {@link NoValidHost}.
 */
export function overtaken(how: string): ServiceUnavailable {
  return new ServiceUnavailable(
    'compute.scheduler.overtaken',
    `No valid host was found. There are not enough hosts available: ${how}.`,
  );
}

/** Codes of errors that say no more than that there is no host. */
export const NO_HOST_CODES: ReadonlySet<string> = new Set([
  'compute.scheduler.no_valid_host',
  'compute.scheduler.overtaken',
]);

/** What a flavor takes of a host, by resource class. @see nova/scheduler/utils.py, resources_from_flavor */
export function resourcesOf(flavor: ServerFlavor): Record<string, number> {
  const swapGib = Math.ceil(flavor.swapMib / 1024);
  const resources: Record<string, number> = {
    VCPU: flavor.vcpus,
    MEMORY_MB: flavor.memoryMib,
    DISK_GB: flavor.rootGib + flavor.ephemeralGib + swapGib,
  };
  for (const [key, value] of Object.entries(flavor.extraSpecs)) {
    const name = /^resources:([A-Z0-9_]+)$/.exec(key)?.[1];
    if (name !== undefined && /^\d{1,10}$/.test(value)) resources[name] = Number(value);
  }
  return Object.fromEntries(Object.entries(resources).filter(([, amount]) => amount > 0));
}

interface Traits {
  readonly required: readonly string[];
  readonly forbidden: readonly string[];
}

/** Traits that a flavor and an image ask for: `trait:NAME=required|forbidden`. */
export function traitsOf(flavor: ServerFlavor, properties: Readonly<Record<string, string>>): Traits {
  const asked = Object.entries({ ...properties, ...flavor.extraSpecs }).flatMap(([key, value]) => {
    const trait = /^trait:([A-Z0-9_]+)$/.exec(key)?.[1];
    return trait === undefined ? [] : [{ trait, value }];
  });
  return {
    required: asked.filter(({ value }) => value === 'required').map(({ trait }) => trait),
    forbidden: asked.filter(({ value }) => value === 'forbidden').map(({ trait }) => trait),
  };
}

/**
 * Chooses a host for a server and claims its resources there, trying the next best when another server was quicker.
 * Repeating it keeps the claim on the host chosen before, as long as that host is still fit.
 * @returns the host's id.
 * @throws {NoValidHost} with what each host lacked; {ServiceUnavailable} `compute.scheduler.overtaken` when other servers were
 *   quicker at every host that was tried: schedule again.
 */
export async function claimHost(
  deps: ComputeDeps,
  server: Server,
  options: { readonly excludedHosts: readonly string[] },
): Promise<string> {
  const flavor = fromJson(server.flavor);
  const resources = resourcesOf(flavor);
  const properties = server.image === null ? {} : fromJson(server.image).properties;
  const traits = traitsOf(flavor, properties);
  const request = await placeRequestOf(deps, server, flavor, options.excludedHosts);
  const claimAt = async (hostId: string): Promise<boolean> => {
    const isClaimed = await deps.placement.claim(deps.db as Db, {
      consumerId: server.id,
      projectId: server.project_id,
      userId: server.user_id,
      providerId: hostId,
      resources,
    });
    if (isClaimed) deps.recentHosts.took(hostId, resources);
    return isClaimed;
  };
  if (asksOnlyForRoom(request) && traits.required.length + traits.forbidden.length === 0) {
    const hostId = await deps.recentHosts.suggest(resources);
    if (hostId !== undefined && (await claimAt(hostId))) return hostId;
    if (hostId !== undefined) deps.recentHosts.drop(hostId);
  }
  const candidates = await deps.placement.listCandidates(deps.db as Db, {
    resources,
    requiredTraits: traits.required,
    forbiddenTraits: traits.forbidden,
  });
  const hosts = await listSchedulableHosts(deps);
  const choice = chooseHosts(hosts, new Map(candidates.map((one) => [one.providerId, one])), request);
  for (const hostId of choice.hostIds.slice(0, MAX_CLAIMS)) {
    if (await claimAt(hostId)) return hostId;
  }
  if (choice.hostIds.length > 0) throw overtaken('other servers took the room of every fit host first');
  const { message, details } = explainRejections(choice.rejected);
  throw new NoValidHost(message, details);
}

/** Any host with room is as good as any other. */
function asksOnlyForRoom(request: PlaceRequest): boolean {
  return (
    request.zone === null &&
    request.hostId === null &&
    request.sameHosts === null &&
    request.differentHosts.length === 0 &&
    request.group === null &&
    Object.keys(request.aggregateSpecs).length === 0 &&
    request.excludedHosts.length === 0
  );
}

async function placeRequestOf(
  deps: ComputeDeps,
  server: Server,
  flavor: ServerFlavor,
  excludedHosts: readonly string[],
): Promise<PlaceRequest> {
  const hints = fromJson(server.scheduler_hints);
  const prefix = 'aggregate_instance_extra_specs:';
  const specs = Object.entries(flavor.extraSpecs).filter(([key]) => key.startsWith(prefix));
  return {
    zone: server.availability_zone,
    hostId: server.requested_host_id,
    sameHosts: hints.sameHost.length === 0 ? null : await listHostsOfServers(deps.db, hints.sameHost),
    differentHosts: await listHostsOfServers(deps.db, hints.differentHost),
    group: await groupOf(deps.db, server.id),
    aggregateSpecs: Object.fromEntries(specs.map(([key, value]) => [key.slice(prefix.length), value])),
    excludedHosts,
  };
}
