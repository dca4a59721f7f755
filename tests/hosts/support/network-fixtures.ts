/** Small desired states for tests of the network agent. */
import type {
  DesiredDhcp,
  DesiredNetwork,
  DesiredNetworks,
  DesiredPort,
  DesiredRouter,
  DesiredSecurityGroup,
  DesiredSecurityGroupRule,
  DesiredSubnet,
} from '#protocol/networks.ts';

/** A UUID that begins with the given letters, so that device names can be told apart. */
export function uuid(start: string): string {
  const hex = Array.from(start)
    .map((letter) => (letter.codePointAt(0) ?? 0).toString(16))
    .join('')
    .padEnd(32, '0');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
}

export const tapOf = (portId: string): string => `tap${portId.slice(0, 11)}`;

let revision = 0;

/** Each call is a newer state. */
export function desiredOf(parts: Partial<DesiredNetworks>): DesiredNetworks {
  revision += 1;
  return { networks: [], ports: [], securityGroups: [], routers: [], ...parts, revision };
}

export function subnetOf(id: string, cidr: string, more: Partial<DesiredSubnet> = {}): DesiredSubnet {
  return {
    id,
    ipVersion: cidr.includes(':') ? 6 : 4,
    cidr,
    gatewayIp: null,
    isDhcpEnabled: true,
    ipv6AddressMode: null,
    ipv6RaMode: null,
    dnsNameservers: [],
    hostRoutes: [],
    ...more,
  };
}

export function networkOf(
  id: string,
  subnets: readonly DesiredSubnet[],
  more: Partial<DesiredNetwork> = {},
): DesiredNetwork {
  return {
    id,
    projectId: 'project',
    type: 'local',
    physicalNetwork: null,
    segmentationId: null,
    mtu: 1450,
    tunnelPeers: [],
    subnets,
    dhcp: null,
    ...more,
  };
}

export interface TestPort extends DesiredPort {
  readonly tap: string;
}

export function portOf(
  id: string,
  networkId: string,
  macAddress: string,
  fixedIps: DesiredPort['fixedIps'],
  more: Partial<DesiredPort> = {},
): TestPort {
  return {
    id,
    networkId,
    guestId: id,
    deviceName: tapOf(id),
    tap: tapOf(id),
    macAddress,
    fixedIps,
    allowedAddressPairs: [],
    isAdminUp: true,
    hasPortSecurity: true,
    securityGroupIds: [],
    ...more,
  };
}

export function dhcpOf(
  portId: string,
  macAddress: string,
  fixedIps: DesiredDhcp['fixedIps'],
  ports: readonly DesiredPort[],
  more: Partial<DesiredDhcp> = {},
): DesiredDhcp {
  return {
    portId,
    macAddress,
    fixedIps,
    leaseTime: 86_400,
    dnsDomain: 'openstacklocal',
    servesMetadata: false,
    leases: ports.map((port) => ({
      portId: port.id,
      macAddress: port.macAddress,
      hostname: `host-${port.id.slice(0, 4)}`,
      fixedIps: port.fixedIps,
      options: [],
    })),
    ...more,
  };
}

export function ruleOf(
  direction: 'ingress' | 'egress',
  more: Partial<DesiredSecurityGroupRule> = {},
): DesiredSecurityGroupRule {
  const content = JSON.stringify([direction, more]);
  return {
    id: `rule-${content}`,
    direction,
    ipVersion: 4,
    protocol: null,
    portMin: null,
    portMax: null,
    remoteCidrs: null,
    ...more,
  };
}

/** What neutron puts into every new group: everything out, nothing in. */
export function groupOf(id: string, rules: readonly DesiredSecurityGroupRule[]): DesiredSecurityGroup {
  return { id, rules: [ruleOf('egress'), ruleOf('egress', { ipVersion: 6 }), ...rules] };
}

export function routerOf(id: string, more: Partial<DesiredRouter> = {}): DesiredRouter {
  return {
    id,
    projectId: 'project',
    isAdminUp: true,
    interfaces: [],
    gateway: null,
    floatingIps: [],
    routes: [],
    ...more,
  };
}
