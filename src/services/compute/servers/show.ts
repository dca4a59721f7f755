import type { RequestContext } from '#kernel/auth/context.ts';
import type { ComputeDeps } from '../deps.ts';
import { type BriefHost, listBriefHostsById } from '../hosts/store.ts';
import { requireVisible } from './access.ts';
import { groupsOf, zonesOf } from './scheduler/zones.ts';
import { findWholeServer, serverAbsent, type WholeServer } from './store.ts';
import type { ServerSight } from './view.ts';

/** A server with its neighbours. @throws {NotFound} `compute.server.absent`; {Forbidden} by policy. */
export async function showServer(
  deps: ComputeDeps,
  ctx: RequestContext,
  id: string,
  rule = 'os_compute_api:servers:show',
): Promise<WholeServer> {
  const server = await findWholeServer(deps.db, id);
  if (server === undefined || server.deleted_at !== null) throw serverAbsent(id);
  requireVisible(deps, ctx, server);
  deps.policy.enforce(ctx, rule, { project_id: server.project_id, user_id: server.user_id });
  return server;
}

/** What the caller may see of these servers, and what views need to know of their hosts: two queries, however many they are. */
export async function sightOf(
  deps: ComputeDeps,
  ctx: RequestContext,
  of: {
    readonly projectId: string | null;
    readonly servers: readonly WholeServer[];
    /** A single one, whose server groups are shown too. */
    readonly serverId?: string;
  },
): Promise<ServerSight> {
  const target = { project_id: of.projectId };
  const hostIds = [...new Set(of.servers.flatMap(({ host_id }) => host_id ?? []))];
  const hosts = await listBriefHostsById(deps.db, hostIds);
  const zones = await zonesOf(deps, hosts);
  return {
    isAdmin: deps.policy.allows(ctx, 'context_is_admin'),
    seesExtended: deps.policy.allows(ctx, 'os_compute_api:os-extended-server-attributes', target),
    seesHostStatus: deps.policy.allows(ctx, 'os_compute_api:servers:show:host_status', target),
    seesExtraSpecs: deps.policy.allows(ctx, 'os_compute_api:servers:show:flavor-extra-specs', target),
    hostNames: new Map(hosts.map((host) => [host.id, host.hostname])),
    hostStatuses: new Map(hosts.map((host) => [host.id, statusOfHost(deps, host)])),
    zones,
    serverGroups: of.serverId === undefined ? undefined : await groupsOf(deps.db, of.serverId),
  };
}

/** @see nova/compute/api.py, get_instance_host_status */
function statusOfHost(deps: ComputeDeps, host: BriefHost): string {
  if (host.is_forced_down === 1) return 'DOWN';
  if (!deps.liveness.isUp(host)) return 'UNKNOWN';
  return host.is_disabled === 1 ? 'MAINTENANCE' : 'UP';
}
