/** Network's ways for something to be owned by nobody. */
import { systemContext } from '#kernel/auth/context.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import type { Orphan, OrphanCheck } from '#kernel/operations/explanation.ts';
import type { NetworkDeps } from '../deps.ts';
import { releaseFloatingIps } from '../floating-ips/release.ts';
import { findFloatingIp } from '../floating-ips/store.ts';
import { findPort } from '../ports/store.ts';
import { newWrite } from '../resources/resource.ts';
import { WHOLE_CLOUD } from '../resources/store.ts';
import { releaseServerPorts } from '../servers/ports.ts';
import {
  deleteAddressWithoutPort,
  deleteBindingWithoutPort,
  listAddressesWithoutPort,
  listBindingsWithoutPort,
  listFloatingIpsWithoutPort,
  listPortsOfServers,
} from './store.ts';

/** Which of these servers are there; compute knows. */
export type ListLivingServers = (ids: readonly string[]) => Promise<ReadonlySet<string>>;

/** Ports looked at with one question to compute. */
const BATCH = 500;

const NO_PORT = { en: 'its port does not exist', zh: '其端口不存在' };

export function networkOrphans(deps: NetworkDeps, listLiving: ListLivingServers): OrphanCheck[] {
  return [
    {
      name: 'network.port_without_server',
      find: (limit) => findPortsWithoutServer(deps, listLiving, limit),
      clear: (id) => clearPortWithoutServer(deps, listLiving, id),
    },
    {
      name: 'network.group_binding_without_port',
      find: (limit) => findBindingsWithoutPort(deps, limit),
      clear: (id) =>
        inTransaction(deps.db, (tx) => {
          const [portId = '', groupId = ''] = id.split(':');
          return deleteBindingWithoutPort(tx, portId, groupId);
        }),
    },
    {
      name: 'network.address_without_port',
      find: (limit) => findAddressesWithoutPort(deps, limit),
      clear: (id) =>
        inTransaction(deps.db, (tx) => {
          // an IPv6 address has colons of its own
          const at = id.indexOf(':');
          return deleteAddressWithoutPort(tx, id.slice(0, at), id.slice(at + 1));
        }),
    },
    {
      name: 'network.floating_ip_without_port',
      find: (limit) => findFloatingIpsWithoutPort(deps, limit),
      clear: (id) => clearFloatingIpWithoutPort(deps, id),
    },
  ];
}

async function findPortsWithoutServer(
  deps: NetworkDeps,
  listLiving: ListLivingServers,
  limit: number,
): Promise<Orphan[]> {
  const found: Orphan[] = [];
  for (let after = ''; found.length < limit; ) {
    const page = await listPortsOfServers(deps.db, after, BATCH);
    const living = await listLiving([...new Set(page.map(({ server_id }) => server_id ?? ''))]);
    for (const port of page) {
      if (living.has(port.server_id ?? '')) continue;
      found.push({
        id: port.id,
        what: { en: `port ${port.id}`, zh: `端口 ${port.id}` },
        why: {
          en: `server ${port.server_id}, which it was plugged into, does not exist`,
          zh: `其所连接的服务器 ${port.server_id} 不存在`,
        },
        since: port.created_at,
      });
    }
    const last = page.at(-1);
    if (last === undefined || page.length < BATCH) break;
    after = last.id;
  }
  return found.slice(0, limit);
}

/** A server that is gone does not come back, so that what was seen before the transaction still holds in it. */
async function clearPortWithoutServer(deps: NetworkDeps, listLiving: ListLivingServers, id: string): Promise<boolean> {
  const serverId = (await findPort(deps.db, id))?.server_id;
  if (serverId == null || (await listLiving([serverId])).has(serverId)) return false;
  await releaseServerPorts(deps, serverId, [id]);
  return true;
}

async function findBindingsWithoutPort(deps: NetworkDeps, limit: number): Promise<Orphan[]> {
  return (await listBindingsWithoutPort(deps.db, limit)).map(({ port_id: port, security_group_id: group }) => ({
    id: `${port}:${group}`,
    what: { en: `membership of port ${port} in security group ${group}`, zh: `端口 ${port} 对安全组 ${group} 的绑定` },
    why: NO_PORT,
    since: null,
  }));
}

async function findAddressesWithoutPort(deps: NetworkDeps, limit: number): Promise<Orphan[]> {
  return (await listAddressesWithoutPort(deps.db, limit)).map(({ subnet_id: subnet, address }) => ({
    id: `${subnet}:${address}`,
    what: { en: `address ${address} of subnet ${subnet}`, zh: `子网 ${subnet} 的地址 ${address}` },
    why: NO_PORT,
    since: null,
  }));
}

async function findFloatingIpsWithoutPort(deps: NetworkDeps, limit: number): Promise<Orphan[]> {
  return (await listFloatingIpsWithoutPort(deps.db, limit)).map((floatingIp) => ({
    id: floatingIp.id,
    what: {
      en: `association of floating IP ${floatingIp.floating_ip_address}`,
      zh: `浮动 IP ${floatingIp.floating_ip_address} 的关联`,
    },
    why: {
      en: `port ${floatingIp.fixed_port_id}, which it leads to, does not exist`,
      zh: `其指向的端口 ${floatingIp.fixed_port_id} 不存在`,
    },
    since: floatingIp.updated_at,
  }));
}

/** The address stays its project's. */
function clearFloatingIpWithoutPort(deps: NetworkDeps, id: string): Promise<boolean> {
  return inTransaction(deps.db, async (tx) => {
    const portId = (await findFloatingIp(tx, id))?.fixed_port_id;
    if (portId == null || (await findPort(tx, portId)) !== undefined) return false;
    await releaseFloatingIps(newWrite(deps, tx, systemContext(null), WHOLE_CLOUD), [portId]);
    return true;
  });
}
