import type { NetworkType } from '#protocol/networks.ts';
import { conflict, invalidInput, unavailable } from '../errors.ts';
import type { Write } from '../resources/resource.ts';
import { listTakenSegments, takeSegment } from './store.ts';

/** What carries a network from host to host. */
export interface Segment {
  readonly networkType: NetworkType;
  readonly physicalNetwork: string | null;
  readonly segmentationId: number | null;
}

type Ranges = readonly (readonly [number, number])[];

/** Guesses before a free id is searched for in order. */
const MAX_GUESSES = 8;
const MAX_VLAN = 4_094;
const MAX_VNI = 2 ** 24 - 1;
/** What tunnels put before each packet, over IPv4; 20 bytes more over IPv6. */
const TUNNEL_BYTES = { vxlan: 50, gre: 42 } as const;

/** The segment that an administrator asked for, checked; undefined when the cloud is to choose. */
export function readSegment(
  write: Write,
  given: {
    readonly networkType?: NetworkType | null;
    readonly physicalNetwork?: string | null;
    readonly segmentationId?: number | null;
  },
): Segment | undefined {
  const { networkType = null, physicalNetwork = null, segmentationId = null } = given;
  if (networkType === null) {
    if (physicalNetwork !== null || segmentationId !== null) throw invalidInput('network_type required');
    return undefined;
  }
  const { options } = write.deps;
  if (!options.networkTypes.includes(networkType))
    throw invalidInput(`network_type value '${networkType}' not supported`);
  const isTunnel = networkType === 'vxlan' || networkType === 'gre';
  if (physicalNetwork !== null && (isTunnel || networkType === 'local'))
    throw invalidInput(`provider:physical_network specified for ${networkType} network`);
  if (segmentationId !== null && (networkType === 'flat' || networkType === 'local'))
    throw invalidInput(`segmentation_id prohibited for ${networkType} provider network`);
  if (networkType === 'flat') checkFlat(physicalNetwork, options.flatNetworks);
  if (networkType === 'vlan') checkVlan(physicalNetwork, segmentationId, Object.keys(options.vlanRanges));
  if (isTunnel && segmentationId !== null && (segmentationId < 1 || segmentationId > MAX_VNI))
    throw invalidInput(`provider:segmentation_id out of range (1 through ${MAX_VNI})`);
  return { networkType, physicalNetwork, segmentationId };
}

/**
 * Takes the segment for the network, or finds one of the project types. The table's key decides between two that want the same.
 * @throws {Conflict} when what was asked for is in use; {ServiceUnavailable} when nothing is left.
 */
export async function allocateSegment(write: Write, networkId: string, wanted: Segment | undefined): Promise<Segment> {
  if (wanted === undefined) return allocateProjectSegment(write, networkId);
  const { networkType, physicalNetwork, segmentationId } = wanted;
  if (networkType === 'local') return wanted;
  if (networkType !== 'flat' && segmentationId === null) {
    const found = await allocateOfType(write, networkId, networkType, physicalNetwork);
    if (found === undefined) throw noneLeft();
    return found;
  }
  if (!(await take(write, networkId, wanted))) throw inUse(wanted);
  return wanted;
}

/** The largest packet that the segment carries. */
export function maxMtu(write: Write, networkType: NetworkType): number {
  const { physicalMtu, tunnelIpVersion } = write.deps.options;
  if (networkType !== 'vxlan' && networkType !== 'gre') return physicalMtu;
  return physicalMtu - TUNNEL_BYTES[networkType] - (tunnelIpVersion === 6 ? 20 : 0);
}

async function allocateProjectSegment(write: Write, networkId: string): Promise<Segment> {
  for (const networkType of write.deps.options.projectNetworkTypes) {
    if (networkType === 'local') return { networkType, physicalNetwork: null, segmentationId: null };
    const segment = await allocateOfType(write, networkId, networkType, null);
    if (segment !== undefined) return segment;
  }
  throw noneLeft();
}

async function allocateOfType(
  write: Write,
  networkId: string,
  networkType: NetworkType,
  physicalNetwork: string | null,
): Promise<Segment | undefined> {
  const { options } = write.deps;
  if (networkType !== 'vlan') return allocateIn(write, networkId, networkType, null, options.vniRanges);
  for (const [name, ranges] of Object.entries(options.vlanRanges)) {
    if (physicalNetwork !== null && name !== physicalNetwork) continue;
    const segment = await allocateIn(write, networkId, networkType, name, ranges);
    if (segment !== undefined) return segment;
  }
  return undefined;
}

async function allocateIn(
  write: Write,
  networkId: string,
  networkType: NetworkType,
  physicalNetwork: string | null,
  ranges: Ranges,
): Promise<Segment | undefined> {
  const size = ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);
  if (size === 0) return undefined;
  for (let guess = 0; guess < MAX_GUESSES; guess++) {
    const segment = { networkType, physicalNetwork, segmentationId: nth(ranges, write.deps.random.below(size)) };
    if (await take(write, networkId, segment)) return segment;
  }
  const taken = await listTakenSegments(write.tx, networkType, physicalNetwork ?? '');
  for (let i = 0; i < size; i++) {
    const segmentationId = nth(ranges, i);
    if (taken.has(segmentationId)) continue;
    const segment = { networkType, physicalNetwork, segmentationId };
    if (await take(write, networkId, segment)) return segment;
  }
  return undefined;
}

function take(write: Write, networkId: string, segment: Segment): Promise<boolean> {
  return takeSegment(write.tx, {
    network_type: segment.networkType,
    physical_network: segment.physicalNetwork ?? '',
    segmentation_id: segment.segmentationId ?? 0,
    network_id: networkId,
  });
}

function nth(ranges: Ranges, index: number): number {
  let left = index;
  for (const [first, last] of ranges) {
    if (left <= last - first) return first + left;
    left -= last - first + 1;
  }
  throw new RangeError('an index beyond all ranges');
}

function checkFlat(physicalNetwork: string | null, known: readonly string[]): void {
  if (physicalNetwork === null) throw invalidInput('physical_network required for flat provider network');
  if (!known.includes('*') && !known.includes(physicalNetwork))
    throw invalidInput(`physical_network '${physicalNetwork}' unknown for flat provider network`);
}

function checkVlan(physicalNetwork: string | null, segmentationId: number | null, known: readonly string[]): void {
  if (physicalNetwork === null) {
    if (segmentationId !== null)
      throw invalidInput('segmentation_id requires physical_network for VLAN provider network');
    return;
  }
  if (!known.includes(physicalNetwork))
    throw invalidInput(`physical_network '${physicalNetwork}' unknown for VLAN provider network`);
  if (segmentationId !== null && (segmentationId < 1 || segmentationId > MAX_VLAN))
    throw invalidInput(`segmentation_id out of range (1 through ${MAX_VLAN})`);
}

function inUse({ networkType, physicalNetwork, segmentationId }: Segment) {
  if (networkType === 'flat')
    return conflict(
      'FlatNetworkInUse',
      `Unable to create the flat network. Physical network ${physicalNetwork} is in use.`,
    );
  if (networkType === 'vlan')
    return conflict(
      'VlanIdInUse',
      `Unable to create the network. The VLAN ${segmentationId} on physical network ${physicalNetwork} is in use.`,
    );
  return conflict('TunnelIdInUse', `Unable to create the network. The tunnel ID ${segmentationId} is in use.`);
}

function noneLeft() {
  return unavailable(
    'NoNetworkAvailable',
    'Unable to create the network. No project network is available for allocation.',
  );
}
