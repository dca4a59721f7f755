import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CloudUnderTest, startCloud, until } from '../support/cloud.ts';
import { brokenAtRest, leftOver } from '../support/invariants.ts';
import { makeSurroundings, type Surroundings, serverBody, untilGone, untilStatus } from '../support/openstack.ts';
import { type TableWatch, watchTables } from '../support/table-watch.ts';

let cloud: CloudUnderTest;
let tables: TableWatch;
let around: Surroundings;
beforeAll(async () => {
  cloud = await startCloud({ hosts: 2 });
  tables = watchTables(cloud.databaseFile);
  around = await makeSurroundings(cloud);
});
afterAll(async () => {
  tables.close();
  await cloud.stop();
});

/** Waits until the cloud is at rest; what is broken then is broken. */
async function expectRest(): Promise<void> {
  await until('the cloud at rest', () => brokenAtRest(tables, cloud.hosts).length === 0).catch(() => {});
  expect(brokenAtRest(tables, cloud.hosts)).toEqual([]);
}

async function act(id: string, action: object): Promise<void> {
  expect((await cloud.ask('compute', `POST /v2.1/servers/${id}/action`, { body: action })).status).toBe(202);
}

describe('a server with a network, a key and a floating IP', () => {
  let id: string;
  let floatingIpId: string;
  let routerId: string;

  it('becomes ACTIVE on one of the hosts', async () => {
    await cloud.get('compute', 'POST /v2.1/os-keypairs', {
      body: {
        keypair: {
          name: 'me',
          type: 'ssh',
          public_key: `ssh-ed25519 ${'A'.repeat(4)}C3NzaC1lZDI1NTE5AAAAI${'A'.repeat(43)}`,
        },
      },
      version: '2.91',
    });
    const made = await cloud.ask('compute', 'POST /v2.1/servers', {
      body: serverBody(around, 'first', { key_name: 'me' }),
    });
    expect([made.status, made.text]).toEqual([202, expect.stringContaining(':8774/v2.1/servers/')]);
    id = made.body.server.id;
    await untilStatus(cloud, id, 'ACTIVE');
    expect(cloud.hosts.filter((host) => host.guests.guests.get(id)?.power === 'running')).toHaveLength(1);
    await expectRest();
  });

  it('has its address, key and links in the list with details', async () => {
    const { servers } = (await cloud.get('compute', 'GET /v2.1/servers/detail')).body;
    expect(servers).toEqual([
      expect.objectContaining({ id, name: 'first', status: 'ACTIVE', key_name: 'me', 'OS-EXT-STS:vm_state': 'active' }),
    ]);
    expect(servers[0].addresses.private[0]).toMatchObject({ version: 4, 'OS-EXT-IPS:type': 'fixed' });
    for (const { rel, href } of servers[0].links) {
      if (rel === 'self')
        expect((await fetch(href, { headers: { 'x-auth-token': await cloud.token() } })).status).toBe(200);
    }
  });

  it('has a port that is ACTIVE and bound to its host', async () => {
    const ports = await until('port ACTIVE', async () => {
      const found = (await cloud.get('network', `GET /v2.0/ports?device_id=${id}`)).body.ports;
      return found[0]?.status === 'ACTIVE' && found;
    });
    expect(ports).toHaveLength(1);
    expect(ports[0]).toMatchObject({
      'binding:host_id': expect.stringMatching(/^fake-/),
      network_id: around.networkId,
    });
  });

  it('is reached by a floating IP, which its addresses show', async () => {
    const external = await cloud.get('network', 'POST /v2.0/networks', {
      body: {
        network: {
          name: 'public',
          'router:external': true,
          'provider:network_type': 'flat',
          'provider:physical_network': 'physnet1',
        },
      },
    });
    const externalId = external.body.network.id;
    await cloud.get('network', 'POST /v2.0/subnets', {
      body: { subnet: { network_id: externalId, ip_version: 4, cidr: '192.0.2.0/24', enable_dhcp: false } },
    });
    const router = await cloud.get('network', 'POST /v2.0/routers', {
      body: { router: { name: 'r', external_gateway_info: { network_id: externalId } } },
    });
    routerId = router.body.router.id;
    await cloud.get('network', `PUT /v2.0/routers/${routerId}/add_router_interface`, {
      body: { subnet_id: around.subnetId },
    });
    const [port] = (await cloud.get('network', `GET /v2.0/ports?device_id=${id}`)).body.ports;
    const floating = await cloud.get('network', 'POST /v2.0/floatingips', {
      body: { floatingip: { floating_network_id: externalId, port_id: port.id } },
    });
    floatingIpId = floating.body.floatingip.id;
    const address: string = floating.body.floatingip.floating_ip_address;
    await until('the floating IP in the addresses', async () => {
      const { addresses } = (await cloud.get('compute', `GET /v2.1/servers/${id}`)).body.server;
      return addresses.private.some((one: { addr: string }) => one.addr === address);
    });
    await expectRest();
  });

  it.each([
    ['os-stop', { 'os-stop': null }, 'SHUTOFF', 'stopped'],
    ['os-start', { 'os-start': null }, 'ACTIVE', 'running'],
    ['reboot soft', { reboot: { type: 'SOFT' } }, 'ACTIVE', 'running'],
    ['reboot hard', { reboot: { type: 'HARD' } }, 'ACTIVE', 'running'],
    ['pause', { pause: null }, 'PAUSED', 'paused'],
    ['unpause', { unpause: null }, 'ACTIVE', 'running'],
    ['suspend', { suspend: null }, 'SUSPENDED', 'suspended'],
    ['resume', { resume: null }, 'ACTIVE', 'running'],
  ])('%s makes it so', async (_, action, status, power) => {
    await act(id, action);
    await untilStatus(cloud, id, status);
    expect(cloud.hosts.map((host) => host.guests.guests.get(id)?.power)).toContain(power);
    await expectRest();
  });

  it('leaves nothing when it is deleted', async () => {
    expect((await cloud.ask('compute', `DELETE /v2.1/servers/${id}`)).status).toBe(204);
    await untilGone(cloud, id);
    await expectRest();
    expect(leftOver(tables)).toEqual([]);
    const floating = (await cloud.get('network', `GET /v2.0/floatingips/${floatingIpId}`)).body.floatingip;
    expect(floating).toMatchObject({ port_id: null, fixed_ip_address: null });
  });

  it('and what was made around it goes, down to the hosts', async () => {
    await cloud.get('network', `DELETE /v2.0/floatingips/${floatingIpId}`);
    await cloud.get('network', `PUT /v2.0/routers/${routerId}/remove_router_interface`, {
      body: { subnet_id: around.subnetId },
    });
    await cloud.get('network', `DELETE /v2.0/routers/${routerId}`);
    for (const { id: networkId } of (await cloud.get('network', 'GET /v2.0/networks')).body.networks)
      await cloud.get('network', `DELETE /v2.0/networks/${networkId}`);
    expect(tables.rows('select id, device_owner from ports')).toEqual([]);
    expect(tables.count('port_addresses')).toBe(0);
    expect(tables.count('dhcp_bindings')).toBe(0);
    await until('empty hosts', () => cloud.hosts.every((host) => host.networks.present.size === 0)).catch(() => {});
    expect(cloud.hosts.map((host) => [...host.networks.present.keys()])).toEqual([[], []]);
  });
});

it('nothing was logged as an error', async () => {
  expect((await cloud.complaints()).filter((line) => line.includes('"level":50'))).toEqual([]);
});
