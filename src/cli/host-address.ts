import { networkInterfaces } from 'node:os';

/** This host's address as others know it: its first IPv4 address that is not loopback, or loopback where it has no other. */
export function hostAddress(): string {
  // Bridges and tunnels of our own, of libvirt's and of containers are not how others reach this host.
  const isVirtual = (name: string): boolean => /^(?:lo|br|virbr|docker|veth|tap|vx|qg|qr|podman|cni)/.test(name);
  const candidates = Object.entries(networkInterfaces()).filter(([name]) => !isVirtual(name));
  const addresses = candidates
    .flatMap(([, list]) => list ?? [])
    .filter(({ family, internal }) => family === 'IPv4' && !internal);
  return addresses[0]?.address ?? '127.0.0.1';
}
