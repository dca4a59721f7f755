import type { RequestContext } from '#kernel/auth/context.ts';
import { fromJson, toBit } from '#kernel/db/json.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { isoSeconds } from '#kernel/wire-times.ts';
import type { NetworkDeps } from '../deps.ts';
import { badBody, conflict, notFound } from '../errors.ts';
import { DHCP_AGENT, ensureDhcp, isAlive, L3_AGENT, moveDhcp, placeRouter, removeDhcp } from '../hosts/schedule.ts';
import {
  deleteHost,
  dhcpLoads,
  listAgents,
  listDhcpBindings,
  listHosts,
  listPlacesOfHost,
  listRouterIdsOfHosts,
  routerLoads,
  updateAgentRow,
} from '../hosts/store.ts';
import type { NetworkAgentRow, NetworkHostRow } from '../hosts/tables.ts';
import { touchRouters } from '../hosts/touch.ts';
import { getNetwork } from '../networks/store.ts';
import { asObject } from '../resources/body.ts';
import { newWrite, type Write } from '../resources/resource.ts';
import { WHOLE_CLOUD } from '../resources/store.ts';
import { readBoolean } from '../resources/types.ts';
import { getRouter, setRouterPortHosts, updateRouterRow } from '../routers/store.ts';

type Shown = Readonly<Record<string, unknown>>;
interface Placed {
  readonly agent: NetworkAgentRow;
  readonly host: NetworkHostRow;
}

const BINARIES: Readonly<Record<string, { readonly binary: string; readonly topic: string }>> = {
  'Linux bridge agent': { binary: 'neutron-linuxbridge-agent', topic: 'N/A' },
  'Open vSwitch agent': { binary: 'neutron-openvswitch-agent', topic: 'N/A' },
  [DHCP_AGENT]: { binary: 'neutron-dhcp-agent', topic: 'dhcp_agent' },
  [L3_AGENT]: { binary: 'neutron-l3-agent', topic: 'l3_agent' },
  'Metadata agent': { binary: 'neutron-metadata-agent', topic: 'N/A' },
};

/** Attributes that agents can be listed by. */
export const AGENT_FILTERS = new Set([
  'id',
  'agent_type',
  'alive',
  'host',
  'binary',
  'admin_state_up',
  'topic',
  'availability_zone',
  'description',
]);

/** Every host as the agents that neutron would have there. */
export async function listAgentItems(
  deps: NetworkDeps,
  ctx: RequestContext,
  filters: Readonly<Record<string, readonly string[]>>,
): Promise<readonly Shown[]> {
  if (!deps.policy.allows(ctx, 'get_agent')) return [];
  const items = await viewAgents(deps, await placedAgents(deps));
  return items.filter((item) =>
    Object.entries(filters).every(([name, values]) =>
      typeof item[name] === 'boolean'
        ? values.some((value) => readBoolean(value) === item[name])
        : values.includes(String(item[name])),
    ),
  );
}

export async function showAgent(deps: NetworkDeps, ctx: RequestContext, id: string): Promise<Shown> {
  if (!deps.policy.allows(ctx, 'get_agent')) throw agentNotFound(id);
  return (await viewAgents(deps, [await findPlaced(deps, id)]))[0] ?? {};
}

/** Sets whether new work goes to the agent. */
export async function updateAgent(deps: NetworkDeps, ctx: RequestContext, id: string, body: unknown): Promise<Shown> {
  deps.policy.enforce(ctx, 'update_agent');
  const given = asObject(asObject(body)?.['agent']);
  if (given === undefined) throw badBody("Unable to find 'agent' in request body");
  const unknown = Object.keys(given).filter((name) => name !== 'admin_state_up' && name !== 'description');
  if (unknown.length > 0) throw badBody(`Cannot update read-only attribute ${unknown[0]?.slice(0, 100)}`);
  const { agent } = await findPlaced(deps, id);
  const { admin_state_up: isUp, description } = given;
  if (
    description !== undefined &&
    description !== null &&
    (typeof description !== 'string' || description.length > 255)
  )
    throw badBody('Invalid input for description. Reason: it is not a text of at most 255 characters.');
  await inTransaction(deps.db, (tx) =>
    updateAgentRow(tx, agent.id, {
      ...(isUp === undefined ? {} : { admin_state_up: toBit(readBoolean(isUp)) }),
      ...(description === undefined ? {} : { description: String(description ?? '') }),
    }),
  );
  return showAgent(deps, ctx, id);
}

/** Forgets a host that is gone. @throws {Conflict} while it lives or has anything. */
export async function deleteAgent(deps: NetworkDeps, ctx: RequestContext, id: string): Promise<void> {
  deps.policy.enforce(ctx, 'delete_agent');
  const { host } = await findPlaced(deps, id);
  if (isAlive(host, deps.clock.now().getTime()))
    throw conflict('AgentInUse', `Agent ${id} is alive: it would come back with the next report.`);
  if ((await listPlacesOfHost(deps.db, host.hostname)).length > 0)
    throw conflict('AgentInUse', `Agent ${id} still has ports on host ${host.hostname}.`);
  await inTransaction(deps.db, (tx) => deleteHost(tx, host.id));
}

/** Networks that a DHCP agent serves. */
export async function networkIdsOfAgent(deps: NetworkDeps, ctx: RequestContext, id: string): Promise<string[]> {
  deps.policy.enforce(ctx, 'get_dhcp-networks');
  const { host } = await findPlaced(deps, id, DHCP_AGENT);
  return (await listDhcpBindings(deps.db, { hostIds: [host.id] })).map(({ network_id }) => network_id);
}

export async function routerIdsOfAgent(deps: NetworkDeps, ctx: RequestContext, id: string): Promise<string[]> {
  deps.policy.enforce(ctx, 'get_l3-routers');
  const { host } = await findPlaced(deps, id, L3_AGENT);
  return listRouterIdsOfHosts(deps.db, [host.id]);
}

export async function agentsOfNetwork(
  deps: NetworkDeps,
  ctx: RequestContext,
  networkId: string,
): Promise<readonly Shown[]> {
  deps.policy.enforce(ctx, 'get_dhcp-agents');
  const hosts = new Set((await listDhcpBindings(deps.db, { networkIds: [networkId] })).map(({ host_id }) => host_id));
  return viewAgents(
    deps,
    (await placedAgents(deps)).filter(({ agent, host }) => agent.agent_type === DHCP_AGENT && hosts.has(host.id)),
  );
}

export async function agentsOfRouter(
  deps: NetworkDeps,
  ctx: RequestContext,
  routerId: string,
): Promise<readonly Shown[]> {
  deps.policy.enforce(ctx, 'get_l3-agents');
  const router = await getRouter(deps.db, routerId);
  return viewAgents(
    deps,
    (await placedAgents(deps)).filter(({ agent, host }) => agent.agent_type === L3_AGENT && host.id === router.host_id),
  );
}

export async function addNetworkToAgent(
  deps: NetworkDeps,
  ctx: RequestContext,
  id: string,
  body: unknown,
): Promise<void> {
  deps.policy.enforce(ctx, 'create_dhcp-network');
  const networkId = readId(body, 'network_id');
  const { host } = await findPlaced(deps, id, DHCP_AGENT);
  await inWrite(deps, ctx, async (write) => {
    await getNetwork(write.tx, WHOLE_CLOUD, networkId);
    const bound = await listDhcpBindings(write.tx, { networkIds: [networkId] });
    if (bound.some(({ host_id }) => host_id === host.id))
      throw conflict(
        'NetworkHostedByDHCPAgent',
        `The network ${networkId} has been already hosted by the DHCP Agent ${id}.`,
      );
    await moveDhcp(write, networkId, host);
    await ensureDhcp(write, networkId);
  });
}

export async function removeNetworkFromAgent(
  deps: NetworkDeps,
  ctx: RequestContext,
  id: string,
  networkId: string,
): Promise<void> {
  deps.policy.enforce(ctx, 'delete_dhcp-network');
  const { host } = await findPlaced(deps, id, DHCP_AGENT);
  await inWrite(deps, ctx, async (write) => {
    const bound = await listDhcpBindings(write.tx, { networkIds: [networkId] });
    if (!bound.some(({ host_id }) => host_id === host.id))
      throw conflict('NetworkNotHostedByDhcpAgent', `The network ${networkId} is not hosted by the DHCP Agent ${id}.`);
    await removeDhcp(write, networkId);
  });
}

export async function addRouterToAgent(
  deps: NetworkDeps,
  ctx: RequestContext,
  id: string,
  body: unknown,
): Promise<void> {
  deps.policy.enforce(ctx, 'create_l3-router');
  const routerId = readId(body, 'router_id');
  const { host } = await findPlaced(deps, id, L3_AGENT);
  await inWrite(deps, ctx, async (write) => {
    const router = await getRouter(write.tx, routerId);
    if (router.host_id !== null && router.host_id !== host.id)
      throw conflict(
        'RouterHostedByL3Agent',
        `The router ${routerId} has been already hosted by the L3 Agent ${router.host_id}.`,
      );
    await placeRouter(write, routerId, host);
  });
}

export async function removeRouterFromAgent(
  deps: NetworkDeps,
  ctx: RequestContext,
  id: string,
  routerId: string,
): Promise<void> {
  deps.policy.enforce(ctx, 'delete_l3-router');
  const { host } = await findPlaced(deps, id, L3_AGENT);
  await inWrite(deps, ctx, async (write) => {
    const router = await getRouter(write.tx, routerId);
    if (router.host_id !== host.id)
      throw conflict('RouterNotHostedByL3Agent', `The router ${routerId} is not hosted by the L3 Agent ${id}.`);
    await touchRouters(write, [routerId]);
    await updateRouterRow(write.tx, routerId, { host_id: null });
    await setRouterPortHosts(write.tx, routerId, '');
  });
}

function inWrite(deps: NetworkDeps, ctx: RequestContext, work: (write: Write) => Promise<void>): Promise<void> {
  return inTransaction(deps.db, (tx) => work(newWrite(deps, tx, ctx, WHOLE_CLOUD)));
}

async function placedAgents(deps: NetworkDeps): Promise<Placed[]> {
  const hosts = new Map((await listHosts(deps.db)).map((host) => [host.id, host]));
  const agents = await listAgents(deps.db);
  return agents.flatMap((agent) => {
    const host = hosts.get(agent.host_id);
    return host === undefined ? [] : { agent, host };
  });
}

/** @throws {NotFound} also for an agent of another kind. */
async function findPlaced(deps: NetworkDeps, id: string, agentType?: string): Promise<Placed> {
  const placed = (await placedAgents(deps)).find(({ agent }) => agent.id === id);
  if (placed === undefined || (agentType !== undefined && placed.agent.agent_type !== agentType))
    throw agentNotFound(id);
  return placed;
}

async function viewAgents(deps: NetworkDeps, placed: readonly Placed[]): Promise<Shown[]> {
  const nowMs = deps.clock.now().getTime();
  const [networks, routers] = [await dhcpLoads(deps.db), await routerLoads(deps.db)];
  return placed.map(({ agent, host }) => {
    const hasZone = agent.agent_type === DHCP_AGENT || agent.agent_type === L3_AGENT;
    return {
      id: agent.id,
      agent_type: agent.agent_type,
      binary: BINARIES[agent.agent_type]?.binary ?? 'pileus-agent',
      topic: BINARIES[agent.agent_type]?.topic ?? 'N/A',
      host: host.hostname,
      availability_zone: hasZone ? deps.options.availabilityZone : null,
      admin_state_up: agent.admin_state_up === 1,
      alive: isAlive(host, nowMs),
      description: agent.description === '' ? null : agent.description,
      created_at: agentTime(host.created_at),
      started_at: agentTime(host.started_at),
      heartbeat_timestamp: agentTime(host.seen_at),
      resources_synced: null,
      configurations: configurationsOf(agent, host, networks.get(host.id) ?? 0, routers.get(host.id) ?? 0),
    };
  });
}

function configurationsOf(agent: NetworkAgentRow, host: NetworkHostRow, networks: number, routers: number): Shown {
  if (agent.agent_type === DHCP_AGENT)
    return { dhcp_driver: 'dnsmasq', dhcp_lease_duration: 86_400, networks, log_agent_heartbeats: false };
  if (agent.agent_type === L3_AGENT)
    return { agent_mode: 'legacy', routers, handle_internal_only_routers: true, log_agent_heartbeats: false };
  if (agent.agent_type === 'Metadata agent') return { log_agent_heartbeats: false };
  return {
    tunneling_ip: host.tunnel_address ?? '',
    tunnel_types: ['vxlan'],
    interface_mappings: fromJson(host.physical_networks),
    bridge_mappings: {},
    log_agent_heartbeats: false,
  };
}

/** `2026-01-02 03:04:05`, as agents' times are shown. */
function agentTime(ms: number): string {
  return isoSeconds(ms).replace('T', ' ').replace('Z', '');
}

function readId(body: unknown, name: string): string {
  const id = asObject(body)?.[name];
  if (typeof id !== 'string') throw badBody(`Failed to parse request. Required attribute '${name}' not specified`);
  return id;
}

function agentNotFound(id: string) {
  return notFound('AgentNotFound', `Agent ${id} could not be found.`);
}
