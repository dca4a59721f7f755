import { GUEST_IMAGE_NAME } from '../../install/guest-image/build.ts';
import type { CloudClient } from '../api/client.ts';

/** The demo's things by their names: a second run finds them again. */
export const NAMES = {
  image: GUEST_IMAGE_NAME,
  flavor: 'm1.nano',
  publicNetwork: 'public',
  publicSubnet: 'public-subnet',
  privateNetwork: 'private',
  privateSubnet: 'private-subnet',
  router: 'router1',
  securityGroup: 'demo',
  keyPair: 'demo',
  server: 'demo',
} as const;

/** What the demo's networks look like. DevStack's addresses, which walkthroughs know. */
export const ADDRESSES = {
  privateCidr: '10.0.0.0/24',
  publicCidr: '172.24.4.0/24',
  publicGateway: '172.24.4.1',
  publicPool: { start: '172.24.4.10', end: '172.24.4.250' },
  physicalNetwork: 'physnet1',
} as const;

interface Named {
  readonly id: string;
  readonly name: string;
}

/** Finds a thing of this project by name, or makes it. */
async function ensure<T extends Named>(
  find: () => Promise<readonly T[]>,
  make: () => Promise<T>,
  name: string,
): Promise<T> {
  const found = (await find()).find((each) => each.name === name);
  return found ?? make();
}

export async function ensureImage(cloud: CloudClient, open: () => Promise<Uint8Array>): Promise<string> {
  const { images } = await cloud.get<{ images: (Named & { status: string })[] }>(
    'image',
    `/v2/images?name=${NAMES.image}`,
  );
  for (const image of images) {
    if (image.status === 'active') return image.id;
    await cloud.delete('image', `/v2/images/${image.id}`);
  }
  const image = await cloud.post<Named>('image', '/v2/images', {
    name: NAMES.image,
    disk_format: 'qcow2',
    container_format: 'bare',
    visibility: 'public',
    min_ram: 96,
  });
  await cloud.upload('image', `/v2/images/${image.id}/file`, await open());
  return image.id;
}

export async function ensureFlavor(cloud: CloudClient): Promise<string> {
  const flavor = await ensure(
    async () => (await cloud.get<{ flavors: Named[] }>('compute', '/flavors')).flavors,
    async () => {
      const body = { flavor: { name: NAMES.flavor, ram: 128, vcpus: 1, disk: 1, id: '42' } };
      return (await cloud.post<{ flavor: Named }>('compute', '/flavors', body)).flavor;
    },
    NAMES.flavor,
  );
  return flavor.id;
}

/** The networks `public` and `private` with a router between them. */
export async function ensureNetworks(
  cloud: CloudClient,
): Promise<{ readonly privateId: string; readonly publicId: string }> {
  const publicId = await ensureNetwork(cloud, NAMES.publicNetwork, {
    'router:external': true,
    shared: false,
    'provider:network_type': 'flat',
    'provider:physical_network': ADDRESSES.physicalNetwork,
  });
  await ensureSubnet(cloud, NAMES.publicSubnet, {
    network_id: publicId,
    cidr: ADDRESSES.publicCidr,
    gateway_ip: ADDRESSES.publicGateway,
    allocation_pools: [ADDRESSES.publicPool],
    enable_dhcp: false,
  });
  const privateId = await ensureNetwork(cloud, NAMES.privateNetwork, {});
  const subnetId = await ensureSubnet(cloud, NAMES.privateSubnet, {
    network_id: privateId,
    cidr: ADDRESSES.privateCidr,
  });
  await ensureRouter(cloud, publicId, subnetId);
  return { privateId, publicId };
}

async function ensureNetwork(cloud: CloudClient, name: string, more: Record<string, unknown>): Promise<string> {
  const network = await ensure(
    async () => (await cloud.get<{ networks: Named[] }>('network', `/v2.0/networks?name=${name}`)).networks,
    async () =>
      (await cloud.post<{ network: Named }>('network', '/v2.0/networks', { network: { name, ...more } })).network,
    name,
  );
  return network.id;
}

async function ensureSubnet(cloud: CloudClient, name: string, more: Record<string, unknown>): Promise<string> {
  const subnet = await ensure(
    async () => (await cloud.get<{ subnets: Named[] }>('network', `/v2.0/subnets?name=${name}`)).subnets,
    async () =>
      (await cloud.post<{ subnet: Named }>('network', '/v2.0/subnets', { subnet: { name, ip_version: 4, ...more } }))
        .subnet,
    name,
  );
  return subnet.id;
}

async function ensureRouter(cloud: CloudClient, publicId: string, subnetId: string): Promise<void> {
  const router = await ensure(
    async () => (await cloud.get<{ routers: Named[] }>('network', `/v2.0/routers?name=${NAMES.router}`)).routers,
    async () => {
      const body = { router: { name: NAMES.router, external_gateway_info: { network_id: publicId } } };
      return (await cloud.post<{ router: Named }>('network', '/v2.0/routers', body)).router;
    },
    NAMES.router,
  );
  const path = `/v2.0/ports?device_id=${router.id}&device_owner=network:router_interface`;
  const { ports } = await cloud.get<{ ports: { fixed_ips: { subnet_id: string }[] }[] }>('network', path);
  const isPlugged = ports.some((port) => port.fixed_ips.some((ip) => ip.subnet_id === subnetId));
  if (!isPlugged)
    await cloud.put('network', `/v2.0/routers/${router.id}/add_router_interface`, { subnet_id: subnetId });
}

/** A security group that lets ping and SSH in. */
export async function ensureSecurityGroup(cloud: CloudClient): Promise<string> {
  const name = NAMES.securityGroup;
  const group = await ensure(
    async () =>
      (await cloud.get<{ security_groups: Named[] }>('network', `/v2.0/security-groups?name=${name}`)).security_groups,
    async () => {
      const body = { security_group: { name, description: 'ping and SSH from anywhere' } };
      return (await cloud.post<{ security_group: Named }>('network', '/v2.0/security-groups', body)).security_group;
    },
    name,
  );
  const path = `/v2.0/security-group-rules?security_group_id=${group.id}&direction=ingress`;
  const { security_group_rules: rules } = await cloud.get<{ security_group_rules: { protocol: string | null }[] }>(
    'network',
    path,
  );
  const wanted = [{ protocol: 'icmp' }, { protocol: 'tcp', port_range_min: 22, port_range_max: 22 }];
  for (const rule of wanted.filter(({ protocol }) => !rules.some((each) => each.protocol === protocol))) {
    const body = {
      security_group_rule: { security_group_id: group.id, direction: 'ingress', ethertype: 'IPv4', ...rule },
    };
    await cloud.post('network', '/v2.0/security-group-rules', body);
  }
  return group.id;
}

export async function ensureKeyPair(cloud: CloudClient, publicKey: string): Promise<void> {
  const { keypairs } = await cloud.get<{ keypairs: { keypair: { name: string; public_key: string } }[] }>(
    'compute',
    '/os-keypairs',
  );
  const found = keypairs.find(({ keypair }) => keypair.name === NAMES.keyPair)?.keypair;
  if (found?.public_key.trim() === publicKey.trim()) return;
  if (found !== undefined) await cloud.delete('compute', `/os-keypairs/${NAMES.keyPair}`);
  await cloud.post('compute', '/os-keypairs', { keypair: { name: NAMES.keyPair, type: 'ssh', public_key: publicKey } });
}

interface Server extends Named {
  readonly status: string;
  readonly fault?: { readonly message: string };
}

export async function ensureServer(
  cloud: CloudClient,
  parts: {
    readonly imageId: string;
    readonly flavorId: string;
    readonly networkId: string;
    readonly securityGroupId: string;
  },
): Promise<string> {
  const server = await ensure(
    async () => (await cloud.get<{ servers: Server[] }>('compute', `/servers/detail?name=^${NAMES.server}$`)).servers,
    async () => {
      const body = {
        server: {
          name: NAMES.server,
          imageRef: parts.imageId,
          flavorRef: parts.flavorId,
          networks: [{ uuid: parts.networkId }],
          key_name: NAMES.keyPair,
          security_groups: [{ name: parts.securityGroupId }],
        },
      };
      return (await cloud.post<{ server: Server }>('compute', '/servers', body)).server;
    },
    NAMES.server,
  );
  return server.id;
}

/** @throws with the server's fault when it ended in ERROR, or when the deadline has passed. */
export async function waitForActive(cloud: CloudClient, serverId: string, deadlineMs: number): Promise<void> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const { server } = await cloud.get<{ server: Server }>('compute', `/servers/${serverId}`);
    if (server.status === 'ACTIVE') return;
    if (server.status === 'SHUTOFF') await cloud.post('compute', `/servers/${serverId}/action`, { 'os-start': null });
    if (server.status === 'ERROR')
      throw new Error(`The guest could not be started: ${server.fault?.message ?? 'no reason given'}`);
    if (performance.now() > end)
      throw new Error(`The guest is still ${server.status} after ${deadlineMs / 1000} s; see pileus status.`);
    await new Promise((wake) => setTimeout(wake, 250));
  }
}

/** The server's floating address, made and associated when it has none. */
export async function ensureFloatingIp(cloud: CloudClient, serverId: string, publicId: string): Promise<string> {
  const { ports } = await cloud.get<{ ports: { id: string }[] }>('network', `/v2.0/ports?device_id=${serverId}`);
  const portId = ports[0]?.id;
  if (portId === undefined) throw new Error('The guest has no port.');
  const path = `/v2.0/floatingips?port_id=${portId}`;
  const { floatingips } = await cloud.get<{ floatingips: { floating_ip_address: string }[] }>('network', path);
  if (floatingips[0] !== undefined) return floatingips[0].floating_ip_address;
  const body = { floatingip: { floating_network_id: publicId, port_id: portId } };
  const made = await cloud.post<{ floatingip: { floating_ip_address: string } }>('network', '/v2.0/floatingips', body);
  return made.floatingip.floating_ip_address;
}
