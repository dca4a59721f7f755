/** What a port's device_owner says of it. */

/** Ports that a subnet's or network's end takes with it: the cloud made them for itself. */
const AUTO_DELETED = new Set(['network:dhcp', 'network:distributed', 'network:router_centralized_snat']);

/** Ports that come and go with their router or floating IP, never by themselves. */
const SERVICE_PORTS = new Set(['network:router_interface', 'network:router_gateway', 'network:floatingip']);

export function isAutoDeleted(deviceOwner: string): boolean {
  return AUTO_DELETED.has(deviceOwner);
}

export function isServicePort(deviceOwner: string): boolean {
  return SERVICE_PORTS.has(deviceOwner);
}

export function isRouterPort(deviceOwner: string): boolean {
  return deviceOwner === 'network:router_interface' || deviceOwner === 'network:router_gateway';
}

/** The network's own plumbing: security groups are not for it. */
export function isNetworkOwned(deviceOwner: string): boolean {
  return deviceOwner.startsWith('network:');
}
