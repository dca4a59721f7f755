import { toBit, toJson } from '#kernel/db/json.ts';
import { conflict, unavailable } from '../errors.ts';
import { touchPort } from '../hosts/touch.ts';
import type { NetworkRow } from '../networks/tables.ts';
import { newRow, type Write } from '../resources/resource.ts';
import { type AddressWish, allocateAddresses } from './addresses.ts';
import { hasOtherPortOnHost, insertPort, setGroups } from './store.ts';
import type { AddressPair, DhcpOption, PortAddressRow, PortRow } from './tables.ts';

/** All that a new port can be told; whatever is absent is chosen. */
export interface PortSpec {
  /** Chosen by the caller, where asking twice must make one port. */
  readonly id?: string;
  readonly projectId: string;
  readonly network: Pick<NetworkRow, 'id' | 'port_security_enabled'>;
  readonly name?: string;
  readonly description?: string;
  readonly deviceId: string;
  readonly deviceOwner: string;
  readonly macAddress?: string | undefined;
  /** Undefined: one address per IP version. */
  readonly fixedIps?: readonly AddressWish[] | undefined;
  readonly securityGroupIds: readonly string[];
  readonly hasPortSecurity: boolean;
  readonly isAdminUp?: boolean;
  readonly host?: string;
  readonly vnicType?: string;
  readonly profile?: Readonly<Record<string, unknown>>;
  readonly dnsName?: string;
  readonly addressPairs?: (macAddress: string) => readonly AddressPair[];
  readonly dhcpOptions?: readonly DhcpOption[];
  readonly status?: PortRow['status'];
  /** The server that compute makes it for. */
  readonly serverId?: string;
}

/** The first half of MAC addresses that the cloud makes (OpenStack's own). */
const MAC_PREFIX = 'fa:16:3e';
/** Guesses at a free MAC; with 16 million of them per network the second is hardly ever needed. */
const MAX_MAC_GUESSES = 16;

/**
 * Makes a port with its addresses, whoever asks: policy and quota are the caller's business.
 * @throws {Conflict} when its MAC or an address is in use, or no address is left.
 */
export async function makePort(
  write: Write,
  spec: PortSpec,
): Promise<PortRow & { readonly addresses: readonly PortAddressRow[] }> {
  const standard = newRow(write, { project_id: spec.projectId, description: spec.description });
  const rowWith = (macAddress: string): PortRow => ({
    ...standard,
    ...(spec.id === undefined ? {} : { id: spec.id }),
    name: spec.name ?? '',
    network_id: spec.network.id,
    mac_address: macAddress,
    admin_state_up: toBit(spec.isAdminUp ?? true),
    status: spec.status ?? 'DOWN',
    device_id: spec.deviceId,
    device_owner: spec.deviceOwner,
    host: spec.host ?? '',
    vnic_type: spec.vnicType ?? 'normal',
    profile: toJson(spec.profile ?? {}),
    port_security_enabled: toBit(spec.hasPortSecurity),
    dns_name: spec.dnsName ?? '',
    allowed_address_pairs: toJson(spec.addressPairs?.(macAddress) ?? []),
    extra_dhcp_opts: toJson(spec.dhcpOptions ?? []),
    is_made_for_server: toBit(spec.serverId !== undefined),
    server_id: spec.serverId ?? null,
  });
  const row = await insertWithMac(write, spec, rowWith);
  const addresses = await allocateAddresses(
    write,
    { portId: row.id, networkId: row.network_id, macAddress: row.mac_address, deviceOwner: row.device_owner },
    spec.fixedIps,
  );
  await setGroups(write.tx, row.id, spec.securityGroupIds);
  await touchPort(write, {
    networkId: row.network_id,
    host: row.host,
    securityGroupIds: spec.securityGroupIds,
    joins: row.host !== '' && !(await hasOtherPortOnHost(write.tx, row.network_id, row.host, row.id)),
  });
  return { ...row, addresses };
}

async function insertWithMac(write: Write, spec: PortSpec, rowWith: (macAddress: string) => PortRow): Promise<PortRow> {
  if (spec.macAddress !== undefined) {
    const row = rowWith(spec.macAddress);
    if (!(await insertPort(write.tx, row))) throw macInUse(spec.network.id, spec.macAddress);
    return row;
  }
  for (let guess = 0; guess < MAX_MAC_GUESSES; guess++) {
    const row = rowWith(randomMac(write));
    if (await insertPort(write.tx, row)) return row;
  }
  throw unavailable(
    'NetworkMacAddressGenerationFailure',
    `Unable to generate unique mac on network ${spec.network.id}.`,
  );
}

function randomMac(write: Write): string {
  const tail = [...write.deps.random.bytes(3)].map((byte) => byte.toString(16).padStart(2, '0'));
  return [MAC_PREFIX, ...tail].join(':');
}

export function macInUse(networkId: string, macAddress: string) {
  return conflict(
    'MacAddressInUse',
    `Unable to complete operation for network ${networkId}. The mac address ${macAddress} is in use.`,
  );
}
