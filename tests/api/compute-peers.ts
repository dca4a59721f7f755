/** Stand-ins for network and image, of which compute alone is tested: they keep what they are told in memory. */
import { fastify } from 'fastify';
import { BadRequest, NotFound } from '#kernel/errors.ts';
import type { BootImage, ComputeImages, ComputeNetworks, ServerPort } from '#services/compute/index.ts';

export const NETWORK = '33333333-3333-4333-8333-333333333333';
export const IMAGE = '44444444-4444-4444-8444-444444444444';

export interface FakeNetworks extends ComputeNetworks {
  readonly ports: Map<string, { serverId: string; hostId: string; networkId: string; isUserPort: boolean }>;
  /** Set to fail the next calls. */
  failing: boolean;
}

export function fakeNetworks(): FakeNetworks {
  const ports: FakeNetworks['ports'] = new Map();
  const self: FakeNetworks = {
    app: fastify(),
    ports,
    failing: false,
    async resolveServerNetworks(_ctx, requested) {
      if (requested === 'none') return [];
      if (requested === 'auto') return [{ networkId: NETWORK }];
      for (const { networkId } of requested)
        if (networkId !== undefined && networkId !== NETWORK)
          throw new BadRequest('network.absent', `Network ${networkId} could not be found.`);
      const asked = requested.length === 0 ? [{ networkId: NETWORK }] : requested;
      return asked.map((one) => ({ ...one, networkId: NETWORK }));
    },
    async findSecurityGroups(_ctx, names) {
      if (names.includes('absent')) throw new BadRequest('group.absent', 'Security group absent not found.');
      return names.map((name) => `id-of-${name}`);
    },
    async changeServerSecurityGroup() {},
    async ensureServerPort(_ctx, port) {
      if (self.failing) throw new BadRequest('network.full', 'No more IP addresses available.');
      ports.set(port.portId, port);
    },
    async bindServerPorts(serverId, hostId) {
      for (const [id, port] of ports) if (port.serverId === serverId) ports.set(id, { ...port, hostId: hostId ?? '' });
    },
    async releaseServerPorts(serverId, portIds) {
      for (const [id, port] of ports)
        if (port.serverId === serverId && (portIds === undefined || portIds.includes(id))) ports.delete(id);
    },
    async listServerPorts(_db, serverIds) {
      const found = new Map<string, ServerPort[]>();
      for (const [id, port] of ports) {
        if (!serverIds.includes(port.serverId)) continue;
        found.set(port.serverId, [...(found.get(port.serverId) ?? []), portOf(id, port.isUserPort)]);
      }
      return found;
    },
  };
  return self;
}

function portOf(portId: string, isUserPort: boolean): ServerPort {
  return {
    portId,
    networkId: NETWORK,
    networkName: 'private',
    networkProjectId: 'p',
    macAddress: 'fa:16:3e:00:00:01',
    mtu: 1450,
    deviceName: `tap${portId.slice(0, 11)}`,
    fixedIps: [
      {
        subnetId: 's',
        address: '10.0.0.5',
        ipVersion: 4,
        cidr: '10.0.0.0/24',
        gateway: '10.0.0.1',
        dns: [],
        routes: [],
        isDhcp: true,
      },
    ],
    floatingIps: [],
    securityGroups: [{ id: 'id-of-default', name: 'default' }],
    isUserPort,
    status: 'ACTIVE',
  };
}

export interface FakeImages extends ComputeImages {
  /** What was made here, by id. */
  readonly made: Map<string, { readonly attributes: Readonly<Record<string, unknown>>; status: string; bytes: number }>;
}

export function fakeImages(changes: Partial<BootImage> = {}): FakeImages {
  const made: FakeImages['made'] = new Map();
  const get = (id: string) => {
    const image = made.get(id);
    if (image === undefined) throw new NotFound('image.absent', `No image found with ID ${id}`);
    return image;
  };
  return {
    made,
    showImage: async (_ctx, id) => ({ id, status: get(id).status }),
    async createImage(_ctx, attributes) {
      const id = String(attributes['id']);
      made.set(id, { attributes, status: 'queued', bytes: 0 });
      return { id };
    },
    async uploadImageData(_ctx, id, data) {
      const image = get(id);
      for await (const chunk of data) image.bytes += (chunk as Buffer).length;
      get(id).status = 'active';
    },
    async deleteImage(_ctx, id) {
      get(id);
      made.delete(id);
    },
    async listImages(_ctx, query) {
      const wanted = [...query].filter(([name]) => ['instance_uuid', 'image_type', 'backup_type'].includes(name));
      return [...made]
        .filter(([, { attributes }]) => wanted.every(([name, value]) => attributes[name] === value))
        .map(([id]) => ({ id }))
        .toReversed();
    },
    // Nothing is to be found by its own API.
    app: fastify(),
    async getImageForBoot(_ctx, id) {
      if (id !== IMAGE && made.get(id)?.status !== 'active')
        throw new NotFound('image.absent', `No image found with ID ${id}`);
      return {
        id,
        name: 'cirros',
        status: 'active',
        diskFormat: 'qcow2',
        containerFormat: 'bare',
        sizeBytes: 20_000_000,
        virtualSizeBytes: 100_000_000,
        sha512: 'a'.repeat(128),
        minDiskGib: 0,
        minRamMib: 0,
        properties: {},
        ...changes,
      };
    },
  };
}
