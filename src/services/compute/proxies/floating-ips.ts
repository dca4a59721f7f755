/** Floating IPs as compute handed them out until 2.35. @see nova/api/openstack/compute/floating_ips.py */
import { Type } from 'typebox';
import { type Route, route } from '#kernel/api/route.ts';
import type { RequestContext } from '#kernel/auth/context.ts';
import { BadRequest, Conflict, Forbidden, NotFound } from '#kernel/errors.ts';
import type { ComputeDeps } from '../deps.ts';
import { compute } from '../microversions.ts';
import { openServer } from '../servers/access.ts';
import type { ServerAction } from '../servers/actions/action.ts';
import { ask, isStatus } from './ask.ts';

interface FloatingIp {
  readonly id: string;
  readonly floating_ip_address: string;
  readonly fixed_ip_address: string | null;
  readonly floating_network_id: string;
  readonly port_id: string | null;
  readonly port_details?: { readonly device_id: string } | null;
}

interface Pool {
  readonly id: string;
  readonly name: string;
}

type Deps = Pick<ComputeDeps, 'network' | 'policy' | 'db'>;

export const floatingIpProxyRoutes = (deps: ComputeDeps): Route[] => {
  const before = compute.noProxies;
  return [
    route({
      method: 'GET',
      path: '/os-floating-ip-pools',
      name: 'listFloatingIpPools',
      before,
      policy: 'os_compute_api:os-floating-ip-pools',
      handler: async ({ ctx }) => ({
        floating_ip_pools: (await findPools(deps, ctx)).map(({ id, name }) => ({ name: name === '' ? id : name })),
      }),
    }),
    route({
      method: 'GET',
      path: '/os-floating-ips',
      name: 'listFloatingIps',
      before,
      policy: 'os_compute_api:os-floating-ips:list',
      handler: async ({ ctx }) => {
        const pools = await findPools(deps, ctx);
        const path = `/v2.0/floatingips?tenant_id=${encodeURIComponent(ctx.projectId ?? '')}`;
        return { floating_ips: (await listFloatingIps(deps, ctx, path)).map((ip) => view(ip, pools)) };
      },
    }),
    route({
      method: 'POST',
      path: '/os-floating-ips',
      name: 'createFloatingIp',
      before,
      policy: 'os_compute_api:os-floating-ips:create',
      body: Type.Unsafe<{ pool?: string | null } | null>({
        type: ['object', 'null'],
        properties: { pool: { type: ['string', 'null'], maxLength: 255 } },
      }),
      handler: async ({ ctx, body }) => {
        const pools = await findPools(deps, ctx);
        return { floating_ip: view(await allocate(deps, ctx, pools, body?.pool ?? undefined), pools) };
      },
    }),
    route({
      method: 'GET',
      path: '/os-floating-ips/:floatingIpId',
      name: 'showFloatingIp',
      before,
      policy: 'os_compute_api:os-floating-ips:show',
      handler: async ({ ctx, params }) => ({
        floating_ip: view(await getFloatingIp(deps, ctx, params['floatingIpId'] ?? ''), await findPools(deps, ctx)),
      }),
    }),
    route({
      method: 'DELETE',
      path: '/os-floating-ips/:floatingIpId',
      name: 'deleteFloatingIp',
      before,
      policy: 'os_compute_api:os-floating-ips:delete',
      status: 202,
      handler: async ({ ctx, params }) => {
        const { id } = await getFloatingIp(deps, ctx, params['floatingIpId'] ?? '');
        await ask(deps.network, ctx, { method: 'DELETE', path: `/v2.0/floatingips/${id}` });
      },
    }),
  ];
};

function view(ip: FloatingIp, pools: readonly Pool[]): Record<string, unknown> {
  const device = ip.port_details?.device_id ?? '';
  return {
    id: ip.id,
    ip: ip.floating_ip_address,
    pool: pools.find(({ id }) => id === ip.floating_network_id)?.name ?? ip.floating_network_id,
    fixed_ip: ip.fixed_ip_address,
    instance_id: device === '' ? null : device,
  };
}

async function findPools({ network }: Deps, ctx: RequestContext): Promise<Pool[]> {
  const path = '/v2.0/networks?router:external=true';
  return (await ask<{ networks: Pool[] }>(network, ctx, { method: 'GET', path })).networks;
}

async function listFloatingIps({ network }: Deps, ctx: RequestContext, path: string): Promise<FloatingIp[]> {
  return (await ask<{ floatingips: FloatingIp[] }>(network, ctx, { method: 'GET', path })).floatingips;
}

async function getFloatingIp({ network }: Deps, ctx: RequestContext, id: string): Promise<FloatingIp> {
  try {
    const path = `/v2.0/floatingips/${encodeURIComponent(id)}`;
    return (await ask<{ floatingip: FloatingIp }>(network, ctx, { method: 'GET', path })).floatingip;
  } catch (error) {
    if (!isStatus(error, 404)) throw error;
    throw new NotFound('compute.floating_ip.absent', `Floating IP not found for ID ${id.slice(0, 255)}`);
  }
}

async function allocate(
  { network }: Deps,
  ctx: RequestContext,
  pools: readonly Pool[],
  wanted: string | undefined,
): Promise<FloatingIp> {
  const pool = wanted === undefined ? pools[0] : pools.find(({ id, name }) => name === wanted || id === wanted);
  if (pool === undefined) throw new NotFound('compute.floating_ip.no_pool', 'Floating IP pool not found.');
  try {
    const body = { floatingip: { floating_network_id: pool.id } };
    return (await ask<{ floatingip: FloatingIp }>(network, ctx, { method: 'POST', path: '/v2.0/floatingips', body }))
      .floatingip;
  } catch (error) {
    if (!isStatus(error, 409)) throw error;
    const where = wanted === undefined ? '' : ` in pool ${wanted}`;
    throw /quota/i.test(error.message)
      ? new Forbidden('compute.floating_ip.quota', `IP allocation over quota${where}.`)
      : new NotFound('compute.floating_ip.none_left', `No more floating IPs${where === '' ? ' available' : where}.`);
  }
}

const Address = Type.String({ format: 'ipv4' });

/** Server actions until 2.43. */
export const floatingIpActions = (deps: ComputeDeps): ServerAction[] => [
  {
    name: 'addFloatingIp',
    before: compute.noMultinic,
    input: Type.Object({ address: Address, fixed_address: Type.Optional(Address) }, { additionalProperties: false }),
    async run({ ctx }, serverId, input: { readonly address: string; readonly fixed_address?: string }) {
      await associate(deps, ctx, serverId, input);
      return undefined;
    },
  },
  {
    name: 'removeFloatingIp',
    before: compute.noMultinic,
    input: Type.Object({ address: Address }, { additionalProperties: false }),
    async run({ ctx }, serverId, input: { readonly address: string }) {
      const ip = await findByAddress(deps, ctx, input.address);
      deps.policy.enforce(ctx, 'os_compute_api:os-floating-ips:remove', { project_id: ctx.projectId });
      if (ip.port_id === null || ip.port_details?.device_id !== serverId) {
        throw new Conflict(
          'compute.floating_ip.elsewhere',
          `Floating IP ${input.address} is not associated with instance ${serverId.slice(0, 255)}.`,
        );
      }
      await setPort(deps, ctx, ip.id, { port_id: null });
      return undefined;
    },
  },
];

async function findByAddress(deps: Deps, ctx: RequestContext, address: string): Promise<FloatingIp> {
  const query = `floating_ip_address=${encodeURIComponent(address)}`;
  const [ip] = await listFloatingIps(deps, ctx, `/v2.0/floatingips?${query}`);
  if (ip === undefined) throw new NotFound('compute.floating_ip.absent', 'floating IP not found');
  return ip;
}

async function setPort({ network }: Deps, ctx: RequestContext, id: string, floatingip: object): Promise<void> {
  await ask(network, ctx, { method: 'PUT', path: `/v2.0/floatingips/${id}`, body: { floatingip } });
}

interface Port {
  readonly id: string;
  readonly fixed_ips: readonly { readonly ip_address: string }[];
}

async function associate(
  deps: Deps,
  ctx: RequestContext,
  serverId: string,
  wanted: { readonly address: string; readonly fixed_address?: string },
): Promise<void> {
  const server = await openServer(deps, ctx, serverId, 'os_compute_api:os-floating-ips:add');
  const path = `/v2.0/ports?device_id=${encodeURIComponent(server.id)}`;
  const { ports } = await ask<{ ports: Port[] }>(deps.network, ctx, { method: 'GET', path });
  const addresses = ports.flatMap((port) => port.fixed_ips.map(({ ip_address: address }) => ({ port, address })));
  if (addresses.length === 0)
    throw new BadRequest('compute.floating_ip.no_address', 'No fixed IPs associated to instance');
  const fixed = addresses.find(({ address }) =>
    wanted.fixed_address === undefined ? !address.includes(':') : address === wanted.fixed_address,
  );
  if (fixed === undefined) {
    throw new BadRequest(
      'compute.floating_ip.no_address',
      wanted.fixed_address === undefined
        ? `Unable to associate floating IP ${wanted.address} to any fixed IPs for instance ${server.id}. ` +
            'Instance has no fixed IPv4 addresses to associate.'
        : 'Specified fixed address not assigned to instance',
    );
  }
  const ip = await findByAddress(deps, ctx, wanted.address);
  try {
    await setPort(deps, ctx, ip.id, { port_id: fixed.port.id, fixed_ip_address: fixed.address });
  } catch (error) {
    throw isStatus(error, 409) || isStatus(error, 404) ? new BadRequest('compute.proxy', error.message) : error;
  }
}
