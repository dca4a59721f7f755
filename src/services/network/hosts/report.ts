import { toJson } from '#kernel/db/json.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import type { NetworksReport, ObservedResource } from '#protocol/networks.ts';
import type { NetworkDeps } from '../deps.ts';
import { activateFloatingIps, deactivateFloatingIps } from '../floating-ips/store.ts';
import { listPorts, setStatuses } from '../ports/store.ts';
import type { PortRow } from '../ports/tables.ts';
import { listRoutersOfHost } from '../routers/store.ts';
import { findHost, listDhcpBindings, noteReportedRevision, saveProblems } from './store.ts';

/** Problems kept per host; more say nothing new. */
const MAX_PROBLEMS = 200;

/**
 * Takes in what a host says of its networks: ports, DHCP servers, routers and floating IPs are ACTIVE where the host has them, and
 * DOWN where it hasn't. A host speaks only of what is on it, and of floating IPs only once it knows where they lead.
 */
export async function reportNetworks(deps: NetworkDeps, hostId: string, report: NetworksReport): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    const host = await findHost(tx, hostId);
    if (host === undefined) return;
    if (host.reported_revision !== report.revision) await noteReportedRevision(tx, hostId, report.revision);
    const states = {
      networks: upIds(report.networks),
      ports: upIds(report.ports),
      routers: upIds(report.routers),
    };
    const served = new Set((await listDhcpBindings(tx, { hostIds: [hostId] })).map(({ network_id }) => network_id));
    const routers = new Set((await listRoutersOfHost(tx, hostId)).map(({ id }) => id));
    const isUp = (port: PortRow): boolean | undefined => {
      if (port.server_id !== null) return states.ports.has(port.id) && port.admin_state_up === 1;
      if (port.device_owner === 'network:dhcp')
        return served.has(port.network_id) && states.networks.has(port.network_id);
      return routers.has(port.device_id) ? states.routers.has(port.device_id) : undefined;
    };
    const changed = (await listPorts(tx, { host: host.hostname })).flatMap((port) => {
      const up = isUp(port);
      const status = up === undefined ? port.status : up ? 'ACTIVE' : 'DOWN';
      return status === port.status ? [] : { port, status };
    });
    for (const status of ['ACTIVE', 'DOWN'] as const)
      await setStatuses(
        tx,
        changed.filter((each) => each.status === status).map(({ port }) => port.id),
        status,
      );
    const { up = [], down = [] } = Object.groupBy(routers, (id) => (states.routers.has(id) ? 'up' : 'down'));
    await activateFloatingIps(tx, up, report.revision);
    await deactivateFloatingIps(tx, down);
    await saveNewProblems(tx, host, report);
    const serverIds = new Set(changed.flatMap(({ port }) => port.server_id ?? []));
    for (const id of serverIds) await deps.onServerPortsChanged(tx, id);
  });
}

function upIds(resources: readonly ObservedResource[]): Set<string> {
  return new Set(resources.filter(({ state }) => state === 'up').map(({ id }) => id));
}

async function saveNewProblems(
  tx: NetworkDeps['db'],
  host: { readonly id: string; readonly problems: string },
  report: NetworksReport,
): Promise<void> {
  const all = [...report.networks, ...report.ports, ...report.routers];
  const problems = toJson(
    Object.fromEntries(
      all
        .flatMap(({ id, problem }) => (problem === undefined ? [] : [[id, problem.message.slice(0, 1_000)]]))
        .slice(0, MAX_PROBLEMS),
    ),
  );
  if (problems !== host.problems) await saveProblems(tx, host.id, problems);
}
