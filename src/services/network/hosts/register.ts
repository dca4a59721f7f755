import { systemContext } from '#kernel/auth/context.ts';
import type { Db } from '#kernel/db/database.ts';
import { fromJson, toJson } from '#kernel/db/json.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { newUuid } from '#kernel/ids.ts';
import { formatAddress, parseAddress } from '#kernel/net.ts';
import type { HostFacts } from '#protocol/hosts.ts';
import type { NetworkDeps } from '../deps.ts';
import { newWrite } from '../resources/resource.ts';
import { WHOLE_CLOUD } from '../resources/store.ts';
import type { NetworkTables } from '../tables.ts';
import { DHCP_AGENT, isAlive, L3_AGENT } from './schedule.ts';
import { findHost, insertAgent, listAgents, listDhcpBindings, listPlacesOfHost, saveHost, seeHost } from './store.ts';
import { placeWaiting } from './supervise.ts';
import type { NetworkHostRow } from './tables.ts';
import { touchNetworks } from './touch.ts';

/**
 * Notes that a host is there and what its networks can do; called at every heartbeat. The first one brings it the DHCP servers
 * and routers that wait for a host.
 */
export async function registerHost(deps: NetworkDeps, db: Db<NetworkTables>, facts: HostFacts): Promise<void> {
  await inTransaction(db, async (tx) => {
    const nowMs = deps.clock.now().getTime();
    const known = await findHost(tx, facts.id);
    const row = rowOf(facts, known, nowMs);
    const wasAlive = known !== undefined && isAlive(known, nowMs);
    if (known !== undefined && wasAlive && isSame(known, row)) return seeHost(tx, facts.id, nowMs);
    await saveHost(tx, row);
    await ensureAgents(tx, row);
    const write = newWrite(deps, tx, systemContext(null), WHOLE_CLOUD);
    if (known !== undefined && known.tunnel_address !== row.tunnel_address) {
      const served = await listDhcpBindings(tx, { hostIds: [row.id] });
      const places = await listPlacesOfHost(tx, row.hostname);
      await touchNetworks(write, [...served.map(({ network_id }) => network_id), ...places]);
    }
    await placeWaiting(write);
  });
}

/** The kinds of agents that a host is shown as. */
export function agentTypesOf(driver: string): string[] {
  return [
    driver === 'openvswitch' ? 'Open vSwitch agent' : 'Linux bridge agent',
    DHCP_AGENT,
    L3_AGENT,
    'Metadata agent',
  ];
}

function rowOf(facts: HostFacts, known: NetworkHostRow | undefined, nowMs: number): NetworkHostRow {
  const tunnel = facts.network.tunnelAddress === null ? undefined : parseAddress(facts.network.tunnelAddress);
  return {
    id: facts.id,
    hostname: facts.hostname.slice(0, 255),
    tunnel_address: tunnel === undefined ? null : formatAddress(tunnel.version, tunnel.value),
    driver: facts.network.driver,
    physical_networks: toJson(facts.network.physicalNetworks),
    seen_at: nowMs,
    started_at: known?.started_at ?? nowMs,
    created_at: known?.created_at ?? nowMs,
    reported_revision: known?.reported_revision ?? 0,
    problems: known?.problems ?? toJson({}),
  };
}

function isSame(a: NetworkHostRow, b: NetworkHostRow): boolean {
  return (
    a.hostname === b.hostname &&
    a.tunnel_address === b.tunnel_address &&
    a.driver === b.driver &&
    JSON.stringify(fromJson(a.physical_networks)) === JSON.stringify(fromJson(b.physical_networks))
  );
}

async function ensureAgents(tx: Db<NetworkTables>, host: NetworkHostRow): Promise<void> {
  const known = new Set((await listAgents(tx, [host.id])).map((agent) => agent.agent_type));
  for (const agentType of agentTypesOf(host.driver)) {
    if (!known.has(agentType))
      await insertAgent(tx, {
        id: newUuid(),
        host_id: host.id,
        agent_type: agentType,
        admin_state_up: 1,
        description: '',
      });
  }
}
