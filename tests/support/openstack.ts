/** What a user makes before a first server: an image, a network, a way out. By the public APIs alone. */
import type { CloudUnderTest } from './cloud.ts';
import { until } from './cloud.ts';

export interface Surroundings {
  readonly imageId: string;
  readonly flavorId: string;
  readonly networkId: string;
  readonly subnetId: string;
}

/** An image of some bytes, a small flavor and a private network with a subnet. */
export async function makeSurroundings(cloud: Pick<CloudUnderTest, 'get'>): Promise<Surroundings> {
  const image = await cloud.get('image', 'POST /v2/images', {
    body: { name: 'tiny', disk_format: 'raw', container_format: 'bare', visibility: 'public' },
  });
  await cloud.get('image', `PUT /v2/images/${image.body.id}/file`, {
    body: Buffer.alloc(512 * 1024, 7),
    headers: { 'content-type': 'application/octet-stream' },
  });
  const flavor = await cloud.get('compute', 'POST /v2.1/flavors', {
    body: { flavor: { name: 'proof.tiny', ram: 64, vcpus: 1, disk: 1 } },
  });
  const network = await cloud.get('network', 'POST /v2.0/networks', { body: { network: { name: 'private' } } });
  const subnet = await cloud.get('network', 'POST /v2.0/subnets', {
    body: { subnet: { network_id: network.body.network.id, ip_version: 4, cidr: '10.20.0.0/20', name: 'private4' } },
  });
  return {
    imageId: image.body.id,
    flavorId: flavor.body.flavor.id,
    networkId: network.body.network.id,
    subnetId: subnet.body.subnet.id,
  };
}

/** The body of `POST /servers` for one small server. */
export function serverBody(around: Surroundings, name: string, more: object = {}): object {
  return {
    server: {
      name,
      imageRef: around.imageId,
      flavorRef: around.flavorId,
      networks: [{ uuid: around.networkId }],
      ...more,
    },
  };
}

/** Waits until a server has a status; fails at once when it gets to ERROR and that was not wanted. */
export async function untilStatus(
  cloud: Pick<CloudUnderTest, 'get'>,
  id: string,
  status: string,
  ms?: number,
): Promise<void> {
  await until(
    `server ${id} ${status}`,
    async () => {
      const { server } = (await cloud.get('compute', `GET /v2.1/servers/${id}`)).body;
      if (server.status === 'ERROR' && status !== 'ERROR')
        throw new Error(`server ${id}: ${JSON.stringify(server.fault)}`);
      return server.status === status && server['OS-EXT-STS:task_state'] === null;
    },
    ms,
  );
}

/** Waits until a server is not found any more. */
export async function untilGone(cloud: Pick<CloudUnderTest, 'ask'>, id: string, ms?: number): Promise<void> {
  await until(
    `server ${id} gone`,
    async () => (await cloud.ask('compute', `GET /v2.1/servers/${id}`)).status === 404,
    ms,
  );
}
