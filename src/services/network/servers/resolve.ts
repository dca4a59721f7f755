/** What compute asks before it makes a server: which networks, and whether it may have them. Errors are nova's, as users see them there. */
import type { RequestContext } from '#kernel/auth/context.ts';
import { BadRequest, type CloudError, Conflict, Forbidden } from '#kernel/errors.ts';
import { canonicalAddress, cidrHas } from '#kernel/net.ts';
import { getTopology } from '../auto-allocation/logic.ts';
import type { NetworkDeps } from '../deps.ts';
import { listSharedIds, networkSource } from '../networks/store.ts';
import type { NetworkRow } from '../networks/tables.ts';
import { addressesOf, findPortOfAddress, portSource } from '../ports/store.ts';
import type { PortRow } from '../ports/tables.ts';
import { quotaLeft } from '../quotas/logic.ts';
import { scopeOf } from '../resources/access.ts';
import { EVERYTHING } from '../resources/query.ts';
import { type Scope, selectRows } from '../resources/store.ts';
import { cidrOf } from '../subnets/ranges.ts';
import { listSubnetsOfNetwork, listSubnetsOfNetworks } from '../subnets/store.ts';

/** One network that a server asks for: by network, with an address or without, or by a port that exists. */
export interface RequestedNetwork {
  readonly networkId?: string | undefined;
  readonly portId?: string | undefined;
  readonly fixedIp?: string | undefined;
  readonly tag?: string | undefined;
}

/** One interface that a server is to have. */
export interface ServerNetwork {
  readonly networkId: string;
  /** Set when the user gave a port of his own. */
  readonly portId: string | null;
  readonly fixedIp: string | null;
  readonly tag: string | null;
}

/**
 * Checks the networks of a new server, or of `count` equal ones, as nova does: they exist, the project may use them, ports are
 * free, addresses are not taken, and there is quota for the ports.
 * @param requested A list; an empty one stands for "the only network that I have"; `auto` makes one when there is none; `none`.
 * @throws {BadRequest} for what doesn't exist or fit; {Conflict} when it is not clear which or a port is in use; {Forbidden} beyond
 *   the quota, or for an external network.
 */
export async function resolveServerNetworks(
  deps: NetworkDeps,
  ctx: RequestContext,
  requested: readonly RequestedNetwork[] | 'auto' | 'none',
  { count }: { readonly count: number },
): Promise<ServerNetwork[]> {
  if (requested === 'none') return [];
  const scope = scopeOf(deps, ctx);
  const networks =
    requested === 'auto' || requested.length === 0
      ? await resolveUnnamed(deps, ctx, scope, requested === 'auto')
      : await resolveNamed(deps, ctx, scope, requested);
  const made = networks.filter(({ portId }) => portId === null).length * count;
  if (made > 0 && (await quotaLeft(deps, ctx.projectId ?? '', 'port')) < made)
    throw new Forbidden('network.server.port_quota', 'Maximum number of ports exceeded', { type: 'PortLimitExceeded' });
  return networks;
}

async function resolveUnnamed(
  deps: NetworkDeps,
  ctx: RequestContext,
  scope: Scope,
  isAuto: boolean,
): Promise<ServerNetwork[]> {
  const available = await listAvailable(deps, ctx, scope);
  if (available.length > 1)
    throw new Conflict(
      'network.server.ambiguous',
      'Multiple possible networks found, use a Network ID to be more specific.',
      { type: 'NetworkAmbiguous' },
    );
  const [only] = available;
  if (only !== undefined) return [plain(only.id)];
  return isAuto ? [plain(await getTopology(deps, ctx, ctx.projectId ?? ''))] : [];
}

/** The project's own networks or, when it has none, those shared with it; only those with subnets. */
async function listAvailable(deps: NetworkDeps, ctx: RequestContext, scope: Scope): Promise<NetworkRow[]> {
  const own = await selectRows<NetworkRow>(deps.db, networkSource, scope, {
    ...EVERYTHING,
    filters: { project_id: [ctx.projectId ?? ''], 'router:external': ['false'] },
  });
  const shared = await selectRows<NetworkRow>(deps.db, networkSource, scope, {
    ...EVERYTHING,
    filters: { shared: ['true'], 'router:external': ['false'] },
  });
  const all = new Map([...own, ...shared].map((network) => [network.id, network]));
  const withSubnets = new Set(
    (await listSubnetsOfNetworks(deps.db, [...all.keys()])).map((subnet) => subnet.network_id),
  );
  return [...all.values()].filter(({ id }) => withSubnets.has(id));
}

async function resolveNamed(
  deps: NetworkDeps,
  ctx: RequestContext,
  scope: Scope,
  requested: readonly RequestedNetwork[],
): Promise<ServerNetwork[]> {
  const resolved: ServerNetwork[] = [];
  for (const each of requested) {
    const network =
      each.portId === undefined
        ? await resolveNetwork(deps, ctx, scope, each)
        : await resolvePort(deps, scope, each.portId, each);
    if (network.portId !== null && resolved.some(({ portId }) => portId === network.portId))
      throw bad('port_duplicated', 'PortInUse', `Port ${network.portId} is given more than once.`);
    resolved.push(network);
  }
  return resolved;
}

async function resolvePort(
  deps: NetworkDeps,
  scope: Scope,
  portId: string,
  { fixedIp, tag }: RequestedNetwork,
): Promise<ServerNetwork> {
  const port = (await selectRows<PortRow>(deps.db, portSource, scope, { ...EVERYTHING, filters: { id: [portId] } }))[0];
  if (port === undefined) throw bad('port_not_found', 'PortNotFound', `Port id ${portId} could not be found.`);
  if (fixedIp !== undefined)
    throw bad(
      'port_fixed_ip',
      'PortRequiresFixedIP',
      `Specified Fixed IP '${fixedIp}' cannot be used with port '${portId}': the two cannot be specified together.`,
    );
  if (port.device_id !== '')
    throw new Conflict('network.server.port_in_use', `Port ${portId} is still in use.`, { type: 'PortInUse' });
  const addresses = (await addressesOf(deps.db, [portId])).get(portId) ?? [];
  if (addresses.length === 0)
    throw bad('port_requires_ip', 'PortRequiresFixedIP', `Port ${portId} requires a FixedIP in order to be used.`);
  return { networkId: port.network_id, portId, fixedIp: null, tag: tag ?? null };
}

async function resolveNetwork(
  deps: NetworkDeps,
  ctx: RequestContext,
  scope: Scope,
  { networkId = '', fixedIp, tag }: RequestedNetwork,
): Promise<ServerNetwork> {
  const query = { ...EVERYTHING, filters: { id: [networkId] } };
  const network = (await selectRows<NetworkRow>(deps.db, networkSource, scope, query))[0];
  if (network === undefined)
    throw bad('network_not_found', 'NetworkNotFound', `Network ${networkId} could not be found.`);
  const shared = await listSharedIds(deps.db, 'network', [network.id], ctx.projectId);
  const isOpen = scope.isAdmin || network.project_id === ctx.projectId || shared.has(network.id);
  if (network.is_external === 1 && !isOpen)
    throw new Forbidden(
      'network.server.external',
      `It is not allowed to create an interface on external network ${network.id}`,
      { type: 'ExternalNetworkAttachForbidden' },
    );
  const subnets = await listSubnetsOfNetwork(deps.db, network.id);
  if (subnets.length === 0)
    throw bad(
      'network_without_subnet',
      'NetworkRequiresSubnet',
      `Network ${network.id} requires a subnet in order to boot instances on.`,
    );
  const address = fixedIp === undefined ? null : canonicalAddress(fixedIp);
  if (address === undefined) throw bad('fixed_ip_invalid', 'FixedIpInvalid', `Fixed IP address ${fixedIp} is invalid.`);
  if (address !== null) await refuseTaken(deps, network.id, address, subnets);
  return { networkId: network.id, portId: null, fixedIp: address, tag: tag ?? null };
}

async function refuseTaken(
  deps: NetworkDeps,
  networkId: string,
  address: string,
  subnets: readonly { readonly id: string; readonly cidr: string }[],
): Promise<void> {
  const subnet = subnets.find(({ cidr }) => cidrHas(cidrOf(cidr), address));
  if (subnet === undefined)
    throw bad(
      'fixed_ip_outside',
      'FixedIpNotFoundForNetwork',
      `Network ${networkId} doesn't have fixed IP ${address}.`,
    );
  const port = await findPortOfAddress(deps.db, subnet.id, address);
  if (port !== undefined)
    throw bad(
      'fixed_ip_in_use',
      'FixedIpAlreadyInUse',
      `Fixed IP address ${address} is already in use on instance ${port.device_id}.`,
    );
}

function plain(networkId: string): ServerNetwork {
  return { networkId, portId: null, fixedIp: null, tag: null };
}

function bad(code: string, type: string, message: string): CloudError {
  return new BadRequest(`network.server.${code}`, message, { type });
}
