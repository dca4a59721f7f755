/** Where each service listens: the customary port of the service that it stands for. */
export const CUSTOMARY_PORTS = {
  identity: 5000,
  image: 9292,
  compute: 8774,
  placement: 8778,
  network: 9696,
  console: 6080,
  dashboard: 8787,
} as const;

export type PortName = keyof typeof CUSTOMARY_PORTS;

/** Services as the catalog shows them: the name that clients know, and the path that their endpoint has. */
export const CATALOG = [
  { type: 'identity', name: 'keystone', path: '' },
  { type: 'image', name: 'glance', path: '' },
  { type: 'compute', name: 'nova', path: '/v2.1' },
  { type: 'placement', name: 'placement', path: '' },
  { type: 'network', name: 'neutron', path: '' },
] as const;

/** `http://192.0.2.1:8774`; IPv6 addresses in brackets. */
export function serviceUrl(host: string, port: number): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** The public URL of every service, by type. */
export function publicUrls(host: string): Record<PortName, string> {
  const entries = Object.entries(CUSTOMARY_PORTS).map(([type, port]) => [type, serviceUrl(host, port)]);
  return Object.fromEntries(entries) as Record<PortName, string>;
}
