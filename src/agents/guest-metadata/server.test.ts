import { describe, expect, it } from 'vitest';
import { desiredOf, sampleGuest, sampleMetadata } from '#tests/support/guest-samples.ts';
import { renderConfigDrive } from './render.ts';
import { createMetadataHandler, findGuest } from './server.ts';

const NETWORK = 'aaaaaaaa-0000-4000-8000-000000000001';
const GUEST = sampleMetadata('11111111-2222-4333-8444-555555555555', {
  keys: [{ name: 'mykey', type: 'ssh', data: 'ssh-ed25519 AAAA me' }],
  meta: { role: 'web' },
  userData: Buffer.from('#!/bin/sh\necho hi\n').toString('base64'),
  adminPassword: 'secret',
  networks: [
    {
      portId: 'p',
      networkId: NETWORK,
      macAddress: 'fa:16:3e:00:00:01',
      mtu: 1450,
      deviceName: 'tap0',
      publicAddresses: ['203.0.113.5'],
      subnets: [
        {
          subnetId: 's',
          ipVersion: 4,
          address: '10.0.0.5',
          cidr: '10.0.0.0/24',
          gateway: '10.0.0.1',
          dnsServers: ['9.9.9.9'],
          routes: [{ destination: '192.168.0.0/16', nexthop: '10.0.0.9' }],
          isDhcp: false,
        },
        {
          subnetId: 't',
          ipVersion: 6,
          address: 'fd00::5',
          cidr: 'fd00::/64',
          gateway: null,
          dnsServers: [],
          routes: [],
          isDhcp: true,
        },
      ],
    },
  ],
});
const OTHER = sampleMetadata('99999999-2222-4333-8444-555555555555', {
  networks: GUEST.networks.map((network) => ({ ...network, networkId: 'other' })),
});
const desired = desiredOf(1, sampleGuest({ metadata: GUEST }), sampleGuest({ id: OTHER.instanceId, metadata: OTHER }));
const handle = createMetadataHandler((networkId, address) => findGuest(desired, networkId, address));

function get(path: string, sourceAddress = '10.0.0.5', networkIds = [NETWORK]) {
  return handle({ method: 'GET', path, sourceAddress }, networkIds);
}

function body(path: string): string {
  const answer = get(path);
  expect(answer.status, path).toBe(200);
  return answer.body.toString();
}

describe('the metadata service', () => {
  it.each([
    [
      '/',
      '1.0\n2007-01-19\n2007-03-01\n2007-08-29\n2007-10-10\n2007-12-15\n2008-02-01\n2008-09-01\n2009-04-04\nlatest',
    ],
    ['/latest', 'meta-data/\nuser-data'],
    ['/latest/meta-data/public-keys/', '0=mykey'],
    ['/latest/meta-data/public-keys/0', 'openssh-key'],
    ['/2009-04-04/meta-data/public-keys/0/openssh-key', 'ssh-ed25519 AAAA me'],
    ['/2009-04-04/meta-data/instance-id', 'i-0000002a'],
    ['/ec2/latest/meta-data/local-ipv4', '10.0.0.5'],
    ['/latest/meta-data/public-ipv4', '203.0.113.5'],
    ['/latest/meta-data/placement/availability-zone', 'nova'],
    ['/latest/user-data', '#!/bin/sh\necho hi\n'],
    ['/openstack/latest/user_data', '#!/bin/sh\necho hi\n'],
    ['/openstack/2012-08-10', 'meta_data.json\nuser_data'],
    [
      '/openstack//latest/',
      'meta_data.json\nuser_data\npassword\nvendor_data.json\nnetwork_data.json\nvendor_data2.json',
    ],
    ['/openstack/latest/password', ''],
  ])('answers %s', (path, expected) => {
    expect(body(path)).toBe(expected);
  });

  it('lists each version of its own tree', () => {
    expect(body('/openstack').split('\n')).toEqual(expect.arrayContaining(['2012-08-10', '2018-08-27', 'latest']));
  });

  it('tells what a guest is, without its password', () => {
    const answer = get('/openstack/latest/meta_data.json');
    expect(answer.contentType).toBe('application/json');
    expect(JSON.parse(answer.body.toString())).toEqual({
      uuid: GUEST.instanceId,
      meta: { role: 'web' },
      public_keys: { mykey: 'ssh-ed25519 AAAA me' },
      keys: [{ name: 'mykey', type: 'ssh', data: 'ssh-ed25519 AAAA me' }],
      hostname: 'sample',
      name: 'sample',
      launch_index: 0,
      availability_zone: 'nova',
      random_seed: 'AAAA',
      project_id: GUEST.projectId,
      devices: [],
      dedicated_cpus: [],
    });
    expect(JSON.parse(body('/openstack/2012-08-10/meta_data.json'))).not.toHaveProperty('random_seed');
  });

  it('describes the networks', () => {
    expect(JSON.parse(body('/openstack/latest/network_data.json'))).toEqual({
      links: [{ id: 'tap0', vif_id: 'p', type: 'tap', mtu: 1450, ethernet_mac_address: 'fa:16:3e:00:00:01' }],
      networks: [
        {
          id: 'network0',
          type: 'ipv4',
          link: 'tap0',
          ip_address: '10.0.0.5',
          netmask: '255.255.255.0',
          routes: [
            { network: '0.0.0.0', netmask: '0.0.0.0', gateway: '10.0.0.1' },
            { network: '192.168.0.0', netmask: '255.255.0.0', gateway: '10.0.0.9' },
          ],
          services: [{ type: 'dns', address: '9.9.9.9' }],
          network_id: NETWORK,
        },
        { id: 'network1', type: 'ipv6_dhcp', link: 'tap0', network_id: NETWORK },
      ],
      services: [{ type: 'dns', address: '9.9.9.9' }],
    });
  });

  it.each([
    '/nothing',
    '/openstack/2031-01-01',
    '/latest/meta-data/nothing',
    '/latest/meta-data/public-keys/0/_name',
    '/openstack/latest/../x',
    '/latest/meta-data/__proto__',
  ])('answers 404 to %s', (path) => {
    expect(get(path).status).toBe(404);
  });

  it('tells a guest by its network and address alone', () => {
    expect(get('/latest/meta-data/instance-id', '10.0.0.6').status).toBe(404);
    expect(get('/latest/meta-data/instance-id', '::ffff:10.0.0.5').status).toBe(200);
    expect(get('/openstack/latest/meta_data.json', '10.0.0.5', ['other']).body.toString()).toContain(OTHER.instanceId);
    expect(get('/openstack/latest/meta_data.json', '10.0.0.5', ['nowhere']).status).toBe(404);
  });

  it('tells nothing when two guests behind a router have the same address', () => {
    expect(get('/openstack/latest/meta_data.json', '10.0.0.5', [NETWORK, 'other']).status).toBe(404);
  });

  it('refuses to be written to', () => {
    expect(
      handle({ method: 'POST', path: '/openstack/latest/password', sourceAddress: '10.0.0.5' }, [NETWORK]).status,
    ).toBe(405);
  });
});

describe('the config drive', () => {
  const files = new Map(renderConfigDrive(GUEST).map(({ path, content }) => [path, content.toString()]));

  it('has the tree of the service', () => {
    expect([...files.keys()]).toEqual(
      expect.arrayContaining([
        'ec2/2009-04-04/meta-data.json',
        'ec2/latest/user-data',
        'openstack/latest/meta_data.json',
        'openstack/latest/network_data.json',
        'openstack/latest/user_data',
        'openstack/latest/vendor_data2.json',
        'openstack/2012-08-10/meta_data.json',
      ]),
    );
    expect(files.has('openstack/2012-08-10/network_data.json')).toBe(false);
  });

  it('tells the password', () => {
    expect(JSON.parse(files.get('openstack/latest/meta_data.json') ?? '')).toMatchObject({ admin_pass: 'secret' });
  });
});
