import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DesiredSubnet } from '#protocol/networks.ts';
import { dhcpOf, networkOf, portOf, subnetOf, uuid } from '#tests/hosts/support/network-fixtures.ts';
import { renderDhcp } from './dhcp.ts';

const SUBNET = uuid('s');
const port = portOf(uuid('p'), uuid('n'), 'fa:16:3e:00:00:01', [{ subnetId: SUBNET, address: '10.0.0.5' }]);

function render(subnet: Partial<DesiredSubnet> = {}, lease: Partial<ReturnType<typeof dhcpOf>['leases'][number]> = {}) {
  const dhcp = dhcpOf(uuid('d'), 'fa:16:3e:00:00:d1', [{ subnetId: SUBNET, address: '10.0.0.2' }], [port]);
  const leases = dhcp.leases.map((one) => ({ ...one, ...lease }));
  return renderDhcp(networkOf(uuid('n'), [subnetOf(SUBNET, '10.0.0.0/24', subnet)]), { ...dhcp, leases }, '/run/x');
}

describe('renderDhcp', () => {
  it('puts the default route into option 121 once there are other routes', () => {
    const { dnsmasq } = render({
      gatewayIp: '10.0.0.1',
      hostRoutes: [{ destination: '192.0.2.0/24', nexthop: '10.0.0.9' }],
    });
    expect(dnsmasq.files['options']).toContain(
      'option:classless-static-route,192.0.2.0/24,10.0.0.9,0.0.0.0/0,10.0.0.1\n',
    );
    expect(dnsmasq.files['options']).toContain('option:router,10.0.0.1\n');
  });

  it('changes the files and not the configuration when a port comes', () => {
    const before = render().dnsmasq;
    const after = render({}, { hostname: 'other' }).dnsmasq;
    expect(after.configFile).toBe(before.configFile);
    expect(after.files['hosts']).not.toBe(before.files['hosts']);
  });

  it('writes one line per host and option, whatever a user typed', () => {
    const text = fc.oneof(fc.string(), fc.constantFrom('\n', 'a\ndhcp-script=/x', '"', '\\', '#', 'tftp-server', '67'));
    fc.assert(
      fc.property(text, text, text, text, (hostname, name, value, server) => {
        const { dnsmasq } = render(
          { dnsNameservers: [server] },
          { hostname, options: [{ name, value, ipVersion: 4 }] },
        );
        expect(dnsmasq.files['hosts']).toMatch(/^fa:16:3e:00:00:01,[a-z0-9.-]+,10\.0\.0\.5\n$/);
        for (const line of (dnsmasq.files['options'] ?? '').trim().split('\n'))
          expect(line).toMatch(/^tag:[sp][0-9a-f]+,[\x20-\x7e]+$/);
        expect(dnsmasq.config).not.toMatch(/script/);
      }),
    );
  });
});
