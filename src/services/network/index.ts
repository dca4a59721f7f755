/** The network service (neutron's API, version 2.0) and what other parts of the controller ask of it. */
import { join } from 'node:path';
import type { RequestContext } from '#kernel/auth/context.ts';
import { createPolicy } from '#kernel/auth/policy.ts';
import type { Db } from '#kernel/db/database.ts';
import { createServiceApp } from '#kernel/http/service-app.ts';
import type { Service, ServiceDeps } from '#kernel/service.ts';
import type { HostFacts } from '#protocol/hosts.ts';
import type { DesiredNetworks, NetworksReport } from '#protocol/networks.ts';
import { addressGroupResource } from './address-groups/resource.ts';
import { addressGroupRoutes } from './address-groups/routes.ts';
import { addressScopeResource } from './address-scopes/resource.ts';
import { agentRoutes } from './agents/routes.ts';
import { autoAllocationRoutes } from './auto-allocation/routes.ts';
import type { NetworkDeps } from './deps.ts';
import { discoveryRoutes } from './discovery/routes.ts';
import { networkErrorStyle } from './errors.ts';
import { floatingIpResource } from './floating-ips/resource.ts';
import { floatingIpRoutes } from './floating-ips/routes.ts';
import { desiredNetworks, readSharedGroups, readSharedNetworks } from './hosts/desired.ts';
import { registerHost } from './hosts/register.ts';
import { reportNetworks } from './hosts/report.ts';
import { groupTopic, keepShared, networkTopic } from './hosts/shared.ts';
import { superviseHosts } from './hosts/supervise.ts';
import { ipAvailabilityRoutes } from './ip-availability/routes.ts';
import { networkResource } from './networks/resource.ts';
import { explainNetwork } from './operations/explain.ts';
import { type ListLivingServers, networkOrphans } from './operations/orphans.ts';
import { DEFAULT_OPTIONS, type NetworkOptions } from './options.ts';
import { networkRules } from './policy.ts';
import { portResource } from './ports/resource.ts';
import { quotaRoutes } from './quotas/routes.ts';
import { rbacPolicyResource } from './rbac-policies/resource.ts';
import type { Resource } from './resources/resource.ts';
import { resourceRoutes } from './resources/routes.ts';
import { routerResource } from './routers/resource.ts';
import { routerRoutes } from './routers/routes.ts';
import { securityGroupResource, securityGroupRuleResource } from './security-groups/resource.ts';
import { changeServerSecurityGroup, findSecurityGroups } from './servers/groups.ts';
import {
  bindServerPorts,
  ensureServerPort,
  listServerPorts,
  releaseServerPorts,
  type ServerPort,
  type ServerPortSpec,
} from './servers/ports.ts';
import { type RequestedNetwork, resolveServerNetworks, type ServerNetwork } from './servers/resolve.ts';
import { subnetPoolResource } from './subnet-pools/resource.ts';
import { subnetPoolRoutes } from './subnet-pools/routes.ts';
import { subnetResource } from './subnets/resource.ts';
import type { NetworkTables } from './tables.ts';
import { tagRoutes } from './tags/routes.ts';

export { networksTopic } from './hosts/touch.ts';
export type { NetworkOptions } from './options.ts';
export type { ServerPort, ServerPortSpec } from './servers/ports.ts';
export type { RequestedNetwork, ServerNetwork } from './servers/resolve.ts';
export { networkMigrations } from './tables.ts';

/** What others in the controller may ask of networks; errors for users are worded as nova words them. */
export interface NetworkService extends Service {
  /** {@link resolveServerNetworks} */
  resolveServerNetworks(
    ctx: RequestContext,
    requested: readonly RequestedNetwork[] | 'auto' | 'none',
    options: { readonly count: number },
  ): Promise<ServerNetwork[]>;
  /** {@link ensureServerPort} */
  ensureServerPort(ctx: RequestContext, spec: ServerPortSpec, tx?: Db): Promise<void>;
  /** {@link bindServerPorts} */
  bindServerPorts(serverId: string, hostId: string | null): Promise<void>;
  /** {@link releaseServerPorts}: all of the server's ports, or only those named. */
  releaseServerPorts(serverId: string, portIds?: readonly string[]): Promise<void>;
  /** {@link listServerPorts} */
  listServerPorts(db: Db, serverIds: readonly string[]): Promise<Map<string, ServerPort[]>>;
  /** {@link findSecurityGroups} */
  findSecurityGroups(ctx: RequestContext, namesOrIds: readonly string[]): Promise<string[]>;
  /** {@link changeServerSecurityGroup} */
  changeServerSecurityGroup(
    serverId: string,
    change: { readonly groupId: string; readonly how: 'add' | 'remove' },
  ): Promise<void>;
  /** {@link desiredNetworks}; its revision's topic is `networks:<hostId>`. */
  desiredNetworks(hostId: string): Promise<DesiredNetworks>;
  /** {@link reportNetworks} */
  reportNetworks(hostId: string, report: NetworksReport): Promise<void>;
  /** {@link registerHost}: at each heartbeat. */
  registerHost(db: Db, facts: HostFacts): Promise<void>;
}

/** Resources with the generic operations. */
const RESOURCES: readonly Resource[] = [
  networkResource,
  subnetResource,
  portResource,
  securityGroupResource,
  securityGroupRuleResource,
  routerResource,
  floatingIpResource,
  subnetPoolResource,
  addressScopeResource,
  addressGroupResource,
  rbacPolicyResource,
];

/**
 * Builds the network service.
 * @param deps.onServerPortsChanged Called after each change of a server's ports, in the transaction that makes it.
 * @param deps.listLivingServers Which of these servers are there: ports of others are orphans. Without it none is looked for.
 * @param deps.options What differs from the defaults: physical networks, ranges, quotas.
 */
export function createNetworkService(
  given: ServiceDeps & {
    readonly onServerPortsChanged: (tx: Db, serverId: string) => Promise<void>;
    readonly options?: Partial<NetworkOptions>;
    readonly listLivingServers?: ListLivingServers;
  },
): NetworkService {
  const policy = createPolicy({
    rules: networkRules,
    file: join(given.settings.configDir, 'network', 'policy.yaml'),
    log: given.log,
    monotonicMs: () => given.clock.monotonicMs(),
    refusal: (rule) => `rule:${rule} is disallowed by policy`,
  });
  const options: NetworkOptions = {
    ...DEFAULT_OPTIONS,
    ...given.options,
    quotas: { ...DEFAULT_OPTIONS.quotas, ...given.options?.quotas },
  };
  const deps: NetworkDeps = {
    ...given,
    db: given.db as unknown as Db<NetworkTables>,
    policy,
    ruleNames: new Set(networkRules.map(({ name }) => name)),
    options,
    shared: {
      groups: keepShared(given.revisions, groupTopic, readSharedGroups),
      networks: keepShared(given.revisions, networkTopic, readSharedNetworks),
    },
    onServerPortsChanged: (tx, serverId) => given.onServerPortsChanged(tx as unknown as Db, serverId),
  };
  const app = createServiceApp({
    type: 'network',
    routes: [
      ...discoveryRoutes(deps),
      ...RESOURCES.flatMap((resource) => resourceRoutes(deps, resource)),
      ...RESOURCES.filter((resource) => Object.hasOwn(resource.attributes, 'tags')).flatMap((resource) =>
        tagRoutes(deps, resource),
      ),
      ...routerRoutes(deps),
      ...subnetPoolRoutes(deps),
      ...addressGroupRoutes(deps),
      ...floatingIpRoutes(deps),
      ...quotaRoutes(deps),
      ...agentRoutes(deps),
      ...ipAvailabilityRoutes(deps),
      ...autoAllocationRoutes(deps),
    ],
    style: networkErrorStyle,
    policy,
    authenticator: given.authenticator,
    publicUrl: given.settings.publicUrls['network'] ?? '',
    identityUrl: given.settings.publicUrls['identity'] ?? '',
    clock: given.clock,
    log: given.log,
    metrics: given.metrics,
  });
  return {
    type: 'network',
    app,
    operations: {
      explain: (id) => explainNetwork(deps, id, RESOURCES),
      orphans: given.listLivingServers === undefined ? [] : networkOrphans(deps, given.listLivingServers),
    },
    run: (signal) => superviseHosts(deps, signal),
    resolveServerNetworks: (ctx, requested, how) => resolveServerNetworks(deps, ctx, requested, how),
    ensureServerPort: (ctx, spec, tx) => ensureServerPort(deps, ctx, spec, tx as unknown as Db<NetworkTables>),
    bindServerPorts: (serverId, hostId) => bindServerPorts(deps, serverId, hostId),
    releaseServerPorts: (serverId, portIds) => releaseServerPorts(deps, serverId, portIds),
    listServerPorts: (db, serverIds) => listServerPorts(db as unknown as Db<NetworkTables>, serverIds),
    findSecurityGroups: (ctx, namesOrIds) => findSecurityGroups(deps, ctx, namesOrIds),
    changeServerSecurityGroup: (serverId, change) => changeServerSecurityGroup(deps, serverId, change),
    desiredNetworks: (hostId) => desiredNetworks(deps, hostId),
    reportNetworks: (hostId, report) => reportNetworks(deps, hostId, report),
    registerHost: (db, facts) => registerHost(deps, db as unknown as Db<NetworkTables>, facts),
  };
}
