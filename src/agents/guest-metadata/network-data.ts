import ipaddr from 'ipaddr.js';
import type { GuestMetadata, GuestMetadataNetwork } from '#protocol/guests.ts';

type Subnet = GuestMetadataNetwork['subnets'][number];

/** The document `network_data.json`. @see nova/virt/netutils.py, get_network_metadata */
export function networkData(guest: GuestMetadata): object {
  const subnets = guest.networks.flatMap((network) => network.subnets.map((subnet) => ({ network, subnet })));
  const services = new Map(
    subnets.flatMap(({ subnet }) => subnet.dnsServers.map((address) => [address, { type: 'dns', address }])),
  );
  return {
    links: guest.networks.map((network) => ({
      id: network.deviceName,
      vif_id: network.portId,
      type: 'tap',
      mtu: network.mtu,
      ethernet_mac_address: network.macAddress,
    })),
    networks: subnets.map(({ network, subnet }, index) => ({
      id: `network${index}`,
      type: `ipv${subnet.ipVersion}${subnet.isDhcp ? '_dhcp' : ''}`,
      link: network.deviceName,
      ...(subnet.isDhcp ? {} : staticAddress(subnet)),
      network_id: network.networkId,
    })),
    services: [...services.values()],
  };
}

function staticAddress(subnet: Subnet): object {
  const everywhere = subnet.ipVersion === 4 ? '0.0.0.0' : '::';
  const routes = subnet.routes.map(({ destination, nexthop }) => {
    const [network, prefix] = destination.split('/');
    return { network, netmask: netmask(subnet.ipVersion, Number(prefix)), gateway: nexthop };
  });
  const byDefault =
    subnet.gateway === null ? [] : [{ network: everywhere, netmask: everywhere, gateway: subnet.gateway }];
  return {
    ip_address: subnet.address,
    netmask: netmask(subnet.ipVersion, Number(subnet.cidr.split('/')[1])),
    routes: [...byDefault, ...routes],
    services: subnet.dnsServers.map((address) => ({ type: 'dns', address })),
  };
}

function netmask(ipVersion: 4 | 6, prefixLength: number): string {
  return (ipVersion === 4 ? ipaddr.IPv4 : ipaddr.IPv6).subnetMaskFromPrefixLength(prefixLength).toString();
}
