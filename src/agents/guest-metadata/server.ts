/**
 * The metadata service for guests, without its socket: the network agent listens in the namespaces of networks and
 * routers, and hands each request over with what it knows for certain, the network it came through and its source address.
 * Nothing that the request says of itself (`X-Instance-ID` and the like) is looked at.
 */
import ipaddr from 'ipaddr.js';
import type { DesiredGuests, GuestMetadata } from '#protocol/guests.ts';
import { lookUpMetadata } from './render.ts';

export interface MetadataRequest {
  readonly method: string;
  /** As in the request line; a query is ignored. */
  readonly path: string;
  readonly sourceAddress: string;
}

export interface MetadataAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string | Buffer;
}

/** Longer paths lead nowhere in the tree. */
const MAX_PATH = 256;

/**
 * Builds the service.
 * @param lookup finds the guest that has an address on a network; see {@link findGuest}.
 * @returns a function of a request and the networks that it may have come from (one, or all behind a router).
 */
export function createMetadataHandler(
  lookup: (networkId: string, sourceAddress: string) => GuestMetadata | undefined,
): (request: MetadataRequest, networkIds: readonly string[]) => MetadataAnswer {
  return (request, networkIds) => {
    const found = networkIds
      .map((networkId) => lookup(networkId, request.sourceAddress))
      .filter((guest) => guest !== undefined);
    const ids = new Set(found.map((guest) => guest.instanceId));
    // two guests of one address behind a router: neither may be told the other's secrets
    return answerMetadata(request, ids.size === 1 ? found[0] : undefined);
  };
}

/** The answer to one request of a known guest; 404 for an unknown one, as nova does. */
export function answerMetadata(
  request: Pick<MetadataRequest, 'method' | 'path'>,
  guest: GuestMetadata | undefined,
): MetadataAnswer {
  if (request.method !== 'GET' && request.method !== 'HEAD') return refusal(405, 'Method Not Allowed');
  if (guest === undefined || request.path.length > MAX_PATH) return refusal(404, 'Not Found');
  const document = lookUpMetadata(guest, request.path.split('?')[0] ?? '');
  if (document === undefined) return refusal(404, 'Not Found');
  return { status: 200, ...document };
}

/** The guest that has an address on a network, among those desired on this host. */
export function findGuest(
  desired: DesiredGuests | undefined,
  networkId: string,
  sourceAddress: string,
): GuestMetadata | undefined {
  const address = normal(sourceAddress);
  return desired?.guests
    .map((guest) => guest.metadata)
    .find((guest) =>
      guest.networks.some(
        (network) =>
          network.networkId === networkId && network.subnets.some((subnet) => normal(subnet.address) === address),
      ),
    );
}

/** One spelling per address; an IPv4 address may come as an IPv6 one. */
function normal(address: string): string {
  const bare = address.split('%')[0] ?? '';
  return ipaddr.isValid(bare) ? ipaddr.process(bare).toString() : address;
}

function refusal(status: number, reason: string): MetadataAnswer {
  return { status, contentType: 'text/plain; charset=UTF-8', body: `${status} ${reason}\n` };
}
