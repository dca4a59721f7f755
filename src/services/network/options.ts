import type { NetworkType } from '#protocol/networks.ts';

/** What the operator decides about networks. */
export interface NetworkOptions {
  /** Physical networks that a flat network may be made on; `*` allows any. */
  readonly flatNetworks: readonly string[];
  /** VLAN ids that project networks are given, per physical network; administrators may name any id of these networks. */
  readonly vlanRanges: Readonly<Record<string, readonly (readonly [number, number])[]>>;
  readonly vniRanges: readonly (readonly [number, number])[];
  /** Types that a project's network may get, tried in this order. */
  readonly projectNetworkTypes: readonly NetworkType[];
  /** Types that an administrator may ask for. */
  readonly networkTypes: readonly NetworkType[];
  /** MTU of the wires under everything. */
  readonly physicalMtu: number;
  /** Version of the addresses that tunnels run between: their headers take 50 or 70 bytes. */
  readonly tunnelIpVersion: 4 | 6;
  /** Seconds that a DHCP lease lasts. */
  readonly leaseSeconds: number;
  readonly dnsDomain: string;
  readonly availabilityZone: string;
  /** Limits of projects that have none of their own; -1 is none. */
  readonly quotas: Readonly<Record<string, number>>;
}

export const DEFAULT_OPTIONS: NetworkOptions = {
  flatNetworks: ['*'],
  vlanRanges: { physnet1: [[1, 4094]] },
  vniRanges: [[1, 65_535]],
  projectNetworkTypes: ['vxlan'],
  networkTypes: ['local', 'flat', 'vlan', 'vxlan'],
  physicalMtu: 1_500,
  tunnelIpVersion: 4,
  leaseSeconds: 86_400,
  dnsDomain: 'openstacklocal.',
  availabilityZone: 'nova',
  quotas: {
    network: 100,
    subnet: 100,
    subnetpool: -1,
    port: 500,
    router: 10,
    floatingip: 50,
    security_group: 10,
    security_group_rule: 100,
    rbac_policy: 10,
    address_group: 100,
  },
};
