/**
 * What the controller wants of a host's networks, and what the host says of them.
 *
 * The desired networks name everything that must exist on this host and nothing else: what is ours and not named goes.
 * Remote groups, schedules and peers are resolved by the controller, so that the agent needs no other source.
 */

export type NetworkType = 'local' | 'flat' | 'vlan' | 'vxlan' | 'gre';

export interface DesiredNetwork {
  readonly id: string;
  readonly projectId: string;
  readonly type: NetworkType;
  readonly physicalNetwork: string | null;
  /** VLAN id, VXLAN VNI or GRE key. */
  readonly segmentationId: number | null;
  readonly mtu: number;
  /** Tunnel addresses of the other hosts that have this network. */
  readonly tunnelPeers: readonly string[];
  readonly subnets: readonly DesiredSubnet[];
  /** The DHCP server that this host runs for the network, or null. */
  readonly dhcp: DesiredDhcp | null;
}

export interface DesiredSubnet {
  readonly id: string;
  readonly ipVersion: 4 | 6;
  readonly cidr: string;
  readonly gatewayIp: string | null;
  readonly isDhcpEnabled: boolean;
  readonly ipv6AddressMode: 'slaac' | 'dhcpv6-stateful' | 'dhcpv6-stateless' | null;
  readonly ipv6RaMode: 'slaac' | 'dhcpv6-stateful' | 'dhcpv6-stateless' | null;
  readonly dnsNameservers: readonly string[];
  readonly hostRoutes: readonly { readonly destination: string; readonly nexthop: string }[];
}

export interface DesiredDhcp {
  readonly portId: string;
  readonly macAddress: string;
  readonly fixedIps: readonly FixedIp[];
  /** Seconds. */
  readonly leaseTime: number;
  readonly dnsDomain: string;
  /** True when no router announces the metadata route, so that the DHCP server must (option 121) and answer it. */
  readonly servesMetadata: boolean;
  /** Everyone on the network who may ask. */
  readonly leases: readonly {
    readonly portId: string;
    readonly macAddress: string;
    readonly hostname: string;
    readonly fixedIps: readonly FixedIp[];
    readonly options: readonly { readonly name: string; readonly value: string; readonly ipVersion: 4 | 6 }[];
  }[];
}

export interface FixedIp {
  readonly subnetId: string;
  readonly address: string;
}

/** A guest's port on this host: a tap device in the network's bridge. */
export interface DesiredPort {
  readonly id: string;
  readonly networkId: string;
  readonly guestId: string;
  readonly deviceName: string;
  readonly macAddress: string;
  readonly fixedIps: readonly FixedIp[];
  readonly allowedAddressPairs: readonly { readonly macAddress: string; readonly cidr: string }[];
  readonly isAdminUp: boolean;
  /** False: neither anti-spoofing nor security groups. */
  readonly hasPortSecurity: boolean;
  readonly securityGroupIds: readonly string[];
}

export interface DesiredSecurityGroup {
  readonly id: string;
  readonly rules: readonly DesiredSecurityGroupRule[];
}

export interface DesiredSecurityGroupRule {
  readonly id: string;
  readonly direction: 'ingress' | 'egress';
  readonly ipVersion: 4 | 6;
  /** A name such as `tcp`, `icmp`, `ipv6-icmp`, or a protocol number as text; null is any. */
  readonly protocol: string | null;
  /** For ICMP: the type. */
  readonly portMin: number | null;
  /** For ICMP: the code. */
  readonly portMax: number | null;
  /** Resolved: a prefix, or the addresses of the remote group's members. Null is any; an empty list matches nobody. */
  readonly remoteCidrs: readonly string[] | null;
}

export interface DesiredRouter {
  readonly id: string;
  readonly projectId: string;
  readonly isAdminUp: boolean;
  readonly interfaces: readonly {
    readonly portId: string;
    readonly networkId: string;
    readonly macAddress: string;
    readonly addresses: readonly {
      readonly subnetId: string;
      readonly address: string;
      readonly prefixLength: number;
    }[];
  }[];
  readonly gateway: {
    readonly portId: string;
    readonly networkId: string;
    readonly macAddress: string;
    readonly addresses: readonly {
      readonly subnetId: string;
      readonly address: string;
      readonly prefixLength: number;
    }[];
    /** Default routes, one per address family. */
    readonly nexthops: readonly string[];
    readonly hasSnat: boolean;
  } | null;
  readonly floatingIps: readonly {
    readonly id: string;
    readonly floatingAddress: string;
    readonly fixedAddress: string;
  }[];
  readonly routes: readonly { readonly destination: string; readonly nexthop: string }[];
}

export interface DesiredNetworks {
  /** Rises with each change of what this host's networks should be; 0 before the first. */
  readonly revision: number;
  readonly networks: readonly DesiredNetwork[];
  readonly ports: readonly DesiredPort[];
  readonly securityGroups: readonly DesiredSecurityGroup[];
  readonly routers: readonly DesiredRouter[];
}

export interface NetworkProblem {
  /** Stable and dotted, such as `network.vlan.unsupported`. */
  readonly code: string;
  readonly message: string;
  readonly attempts: number;
}

export interface ObservedResource {
  readonly id: string;
  readonly state: 'up' | 'down' | 'absent';
  readonly problem?: NetworkProblem | undefined;
}

export interface NetworksReport {
  readonly revision: number;
  readonly networks: readonly ObservedResource[];
  readonly ports: readonly ObservedResource[];
  readonly routers: readonly ObservedResource[];
}
