import { fromJson, toBit, toJson } from '#kernel/db/json.ts';
import { badRequest, conflict, hidden } from '../errors.ts';
import { listFloatingIpsOfPorts } from '../floating-ips/store.ts';
import { touchPort, touchRouters } from '../hosts/touch.ts';
import { getNetwork, listSharedIds } from '../networks/store.ts';
import type { NetworkRow } from '../networks/tables.ts';
import type { Changes, NewValues } from '../resources/attributes.ts';
import type { Write } from '../resources/resource.ts';
import { touchRow } from '../resources/store.ts';
import { findRouter } from '../routers/store.ts';
import { ensureDefaultGroup } from '../security-groups/default.ts';
import { getSecurityGroup } from '../security-groups/store.ts';
import { isAutoAddressed } from '../subnets/check.ts';
import { listSubnetsOfNetwork } from '../subnets/store.ts';
import { type AddressWish, allocateAddresses } from './addresses.ts';
import { macInUse, makePort } from './make.ts';
import { isNetworkOwned, isRouterPort, isServicePort } from './owners.ts';
import { deletePortRows } from './remove.ts';
import type { portAttributes } from './schema.ts';
import {
  addressesOf,
  findPort,
  groupsOf,
  hasOtherPortOnHost,
  portNotFound,
  removeAddresses,
  setGroups,
  updatePortRow,
} from './store.ts';
import type { AddressPair, DhcpOption, PortAddressRow, PortRow } from './tables.ts';
import { tellCompute } from './tell.ts';

type New = NewValues<typeof portAttributes> & { readonly project_id: string };
type Update = Changes<typeof portAttributes>;
type GivenPairs = NonNullable<New['allowed_address_pairs']>;
type GivenOptions = NonNullable<New['extra_dhcp_opts']>;

/** neutron's max_allowed_address_pair: each pair is a rule on the host (CVE-2014-3555). */
const MAX_ADDRESS_PAIRS = 10;

/**
 * Makes a port.
 * @throws {NotFound} for a network or group that the caller can't see; {Conflict} for a MAC or address in use, and for a router
 *   of somebody else as its device (CVE-2014-0056).
 */
export async function createPort(write: Write, values: New): Promise<string> {
  const network = await getOpenNetwork(write, values.network_id, values.project_id);
  await refuseForeignRouter(write, values.device_owner, values.device_id, values.project_id);
  const hasPortSecurity =
    !isNetworkOwned(values.device_owner) && (values.port_security_enabled ?? network.port_security_enabled === 1);
  const pairs = values.allowed_address_pairs ?? [];
  checkPairs(pairs, hasPortSecurity);
  const securityGroupIds = await chooseGroups(write, {
    given: values.security_groups ?? undefined,
    hasPortSecurity,
    deviceOwner: values.device_owner,
    projectId: values.project_id,
  });
  const port = await makePort(write, {
    projectId: values.project_id,
    network,
    name: values.name,
    description: values.description,
    deviceId: values.device_id,
    deviceOwner: values.device_owner,
    macAddress: values.mac_address,
    fixedIps: values.fixed_ips,
    securityGroupIds,
    hasPortSecurity,
    isAdminUp: values.admin_state_up,
    host: values['binding:host_id'] ?? '',
    vnicType: values['binding:vnic_type'],
    profile: values['binding:profile'] ?? {},
    dnsName: values.dns_name,
    addressPairs: (macAddress) => readPairs(pairs, macAddress),
    dhcpOptions: mergeOptions([], values.extra_dhcp_opts ?? []),
  });
  return port.id;
}

/** Changes a port; only what is named. */
export async function updatePort(write: Write, id: string, changes: Update): Promise<void> {
  const { tx } = write;
  const row = await findPort(tx, id);
  if (row === undefined) throw portNotFound(id);
  refuseOtherDevice(row, changes);
  const deviceOwner = changes.device_owner ?? row.device_owner;
  await refuseForeignRouter(write, deviceOwner, changes.device_id ?? row.device_id, row.project_id, row);
  const macAddress = changes.mac_address ?? row.mac_address;
  if (macAddress !== row.mac_address && row.host !== '')
    throw conflict(
      'PortBound',
      `Unable to complete operation on port ${id}, port is already bound, port type: bridge, old_mac ${row.mac_address}, new_mac ${macAddress}.`,
    );
  const before = {
    addresses: (await addressesOf(tx, [id])).get(id) ?? [],
    groups: (await groupsOf(tx, [id])).get(id) ?? [],
  };
  const hasPortSecurity = changes.port_security_enabled ?? row.port_security_enabled === 1;
  const pairs = changes.allowed_address_pairs;
  checkPairs(pairs ?? fromJson(row.allowed_address_pairs), hasPortSecurity);
  const groups = await updateGroups(write, row, changes, hasPortSecurity, before.groups);
  if (changes.fixed_ips !== undefined || macAddress !== row.mac_address)
    await updateAddresses(
      write,
      { ...row, mac_address: macAddress, device_owner: deviceOwner },
      before.addresses,
      changes.fixed_ips,
    );
  const host = changes['binding:host_id'] === undefined ? row.host : (changes['binding:host_id'] ?? '');
  const isNew = await updatePortRow(tx, id, {
    mac_address: macAddress,
    device_owner: deviceOwner,
    host,
    port_security_enabled: toBit(hasPortSecurity),
    ...(host === row.host ? {} : { status: 'DOWN' as const }),
    ...(changes.name === undefined ? {} : { name: changes.name }),
    ...(changes.description === undefined ? {} : { description: changes.description }),
    ...(changes.device_id === undefined ? {} : { device_id: changes.device_id }),
    // Whoever gives the port another device takes it from the server that had it.
    ...(changes.device_id === undefined || changes.device_id === row.device_id ? {} : { server_id: null }),
    ...(changes.admin_state_up === undefined ? {} : { admin_state_up: toBit(changes.admin_state_up) }),
    ...(changes.dns_name === undefined ? {} : { dns_name: changes.dns_name }),
    ...(changes['binding:vnic_type'] === undefined ? {} : { vnic_type: changes['binding:vnic_type'] }),
    ...(changes['binding:profile'] === undefined ? {} : { profile: toJson(changes['binding:profile']) }),
    ...(pairs === undefined ? {} : { allowed_address_pairs: toJson(readPairs(pairs, macAddress)) }),
    ...(changes.extra_dhcp_opts === undefined
      ? {}
      : { extra_dhcp_opts: toJson(mergeOptions(fromJson(row.extra_dhcp_opts), changes.extra_dhcp_opts)) }),
  });
  if (!isNew) throw macInUse(row.network_id, macAddress);
  await touchRow(tx, 'ports', id, write.deps.clock.now().getTime());
  await touchChanged(write, row, host, [...new Set([...before.groups, ...groups])]);
}

/** @throws {Conflict} `ServicePortInUse` for what belongs to a router or floating IP that still is. */
export async function deletePort(write: Write, id: string): Promise<void> {
  const row = await findPort(write.tx, id);
  if (row === undefined) throw portNotFound(id);
  if (isServicePort(row.device_owner))
    throw conflict(
      'ServicePortInUse',
      `Port ${id} cannot be deleted directly via the port API: has device owner ${row.device_owner}.`,
    );
  await deletePortRows(write, [id]);
}

/** The network, if the caller may put ports on it. */
async function getOpenNetwork(write: Write, networkId: string, projectId: string): Promise<NetworkRow> {
  const network = await getNetwork(write.tx, write.scope, networkId);
  if (write.scope.isAdmin || network.project_id === projectId) return network;
  if (!(await isSharedWith(write, network.id, projectId))) throw hidden();
  return network;
}

async function isSharedWith(write: Write, networkId: string, projectId: string): Promise<boolean> {
  return (await listSharedIds(write.tx, 'network', [networkId], projectId)).has(networkId);
}

/** A port may only be a router's when the router is its project's own. */
async function refuseForeignRouter(
  write: Write,
  deviceOwner: string,
  deviceId: string,
  projectId: string,
  current?: PortRow,
): Promise<void> {
  if (!isRouterPort(deviceOwner) || deviceId === '' || write.scope.isAdmin) return;
  if (current?.device_id === deviceId && current.device_owner === deviceOwner) return;
  const router = await findRouter(write.tx, deviceId);
  if (router === undefined || router.project_id !== projectId)
    throw conflict(
      'DeviceIDNotOwnedByTenant',
      `The following device_id ${deviceId} is not owned by your project or matches another project router.`,
    );
}

/** What a router or floating IP holds is let go by it alone. */
function refuseOtherDevice(row: PortRow, changes: Update): void {
  if (!isServicePort(row.device_owner)) return;
  const isOther =
    (changes.device_id !== undefined && changes.device_id !== row.device_id) ||
    (changes.device_owner !== undefined && changes.device_owner !== row.device_owner);
  if (isOther)
    throw conflict(
      'UnsupportedPortDeviceOwner',
      `Operation device change is not supported for device_owner ${row.device_owner} on port ${row.id}.`,
    );
}

async function chooseGroups(
  write: Write,
  wanted: {
    readonly given: readonly string[] | undefined;
    readonly hasPortSecurity: boolean;
    readonly deviceOwner: string;
    readonly projectId: string;
  },
): Promise<readonly string[]> {
  const { given, hasPortSecurity, deviceOwner, projectId } = wanted;
  if (given === undefined) {
    if (!hasPortSecurity || isNetworkOwned(deviceOwner)) return [];
    return [await ensureDefaultGroup(write.deps, write.tx, projectId)];
  }
  if (given.length > 0 && !hasPortSecurity) throw groupsNeedSecurity();
  for (const id of given) await getSecurityGroup(write.tx, write.scope, id);
  return given;
}

async function updateGroups(
  write: Write,
  row: PortRow,
  changes: Update,
  hasPortSecurity: boolean,
  current: readonly string[],
): Promise<readonly string[]> {
  const given = changes.security_groups === null ? [] : changes.security_groups;
  if (given === undefined) {
    if (!hasPortSecurity && current.length > 0)
      throw conflict(
        'PortSecurityPortHasSecurityGroup',
        'Port has security group associated. Cannot disable port security or IP address until security group is removed.',
      );
    return current;
  }
  if (given.length > 0 && !hasPortSecurity) throw groupsNeedSecurity();
  for (const id of given) if (!current.includes(id)) await getSecurityGroup(write.tx, write.scope, id);
  await setGroups(write.tx, row.id, given);
  return given;
}

/** Brings the port's addresses to what is wished for; those that fit a wish stay. */
async function updateAddresses(
  write: Write,
  row: PortRow,
  current: readonly PortAddressRow[],
  given: readonly AddressWish[] | undefined,
): Promise<void> {
  const auto = new Set(
    (await listSubnetsOfNetwork(write.tx, row.network_id)).filter(isAutoAddressed).map(({ id }) => id),
  );
  const wishes =
    given ??
    current
      .filter(({ subnet_id }) => !auto.has(subnet_id))
      .map((a) => ({ subnet_id: a.subnet_id, ip_address: a.address }));
  const kept: PortAddressRow[] = [];
  const open: AddressWish[] = [];
  for (const wish of wishes.toSorted(
    (a, b) => Number(a.ip_address === undefined) - Number(b.ip_address === undefined),
  )) {
    const match = current.find(
      (address) =>
        !kept.includes(address) &&
        !(auto.has(address.subnet_id) && given === undefined) &&
        (wish.ip_address === undefined || wish.ip_address === address.address) &&
        (wish.subnet_id === undefined || wish.subnet_id === address.subnet_id),
    );
    if (match === undefined) open.push(wish);
    else kept.push(match);
  }
  const gone = current.filter((address) => !kept.includes(address));
  await refuseServedAddresses(write, row, gone);
  await removeAddresses(write.tx, { portId: row.id, addresses: gone.map(({ address }) => address) });
  const holder = {
    portId: row.id,
    networkId: row.network_id,
    macAddress: row.mac_address,
    deviceOwner: row.device_owner,
  };
  await allocateAddresses(write, holder, open, Math.max(-1, ...current.map(({ position }) => position)) + 1);
}

/** An address that a floating IP leads to stays while it does. */
async function refuseServedAddresses(write: Write, row: PortRow, gone: readonly PortAddressRow[]): Promise<void> {
  const floatingIps = await listFloatingIpsOfPorts(write.tx, [row.id]);
  const served = floatingIps.find((fip) => gone.some(({ address }) => address === fip.fixed_ip_address));
  if (served !== undefined)
    throw badRequest(
      'BadRequest',
      `Bad port request: Cannot change IP address ${served.fixed_ip_address} of port ${row.id}: floating IP ${served.floating_ip_address} leads to it.`,
    );
}

function checkPairs(
  pairs: readonly { readonly ip_address?: string | undefined; readonly mac_address?: string | undefined }[],
  hasPortSecurity: boolean,
): void {
  if (pairs.length === 0) return;
  if (pairs.length > MAX_ADDRESS_PAIRS)
    throw badRequest(
      'AllowedAddressPairExhausted',
      `The number of allowed address pair exceeds the maximum ${MAX_ADDRESS_PAIRS}.`,
    );
  if (pairs.some((pair) => pair.ip_address === undefined))
    throw badRequest(
      'AllowedAddressPairsMissingIP',
      'Invalid input for operation: AllowedAddressPair must contain ip_address.',
    );
  const seen = new Set<string>();
  for (const { ip_address: ip = '', mac_address: mac = 'None' } of pairs) {
    if (seen.has(`${mac} ${ip}`))
      throw badRequest(
        'DuplicateAddressPairInRequest',
        `Request contains duplicate address pair: mac_address ${mac} ip_address ${ip}.`,
      );
    seen.add(`${mac} ${ip}`);
  }
  if (!hasPortSecurity)
    throw conflict(
      'AddressPairAndPortSecurityRequired',
      'Port Security must be enabled in order to have allowed address pairs on a port.',
    );
}

function readPairs(pairs: GivenPairs, macAddress: string): AddressPair[] {
  return pairs.map((pair) => ({ ip_address: pair.ip_address ?? '', mac_address: pair.mac_address ?? macAddress }));
}

/** New values replace those of the same name and IP version; a value of null takes one away. */
function mergeOptions(current: readonly DhcpOption[], given: GivenOptions): DhcpOption[] {
  const merged = new Map(current.map((option) => [`${option.ip_version} ${option.opt_name}`, option]));
  for (const { opt_name = '', opt_value = null, ip_version = 4 } of given) {
    const key = `${ip_version} ${opt_name}`;
    if (opt_value === null) merged.delete(key);
    else merged.set(key, { opt_name, opt_value, ip_version });
  }
  return [...merged.values()];
}

/** Tells the hosts that the port was and is on, its routers, and compute when it is a server's. */
async function touchChanged(write: Write, row: PortRow, host: string, groupIds: readonly string[]): Promise<void> {
  const moves = host !== row.host;
  for (const where of new Set([row.host, host])) {
    const joins = moves && where !== '' && !(await hasOtherPortOnHost(write.tx, row.network_id, where, row.id));
    await touchPort(write, { networkId: row.network_id, host: where, securityGroupIds: groupIds, joins });
  }
  if (isRouterPort(row.device_owner)) await touchRouters(write, [row.device_id]);
  await tellCompute(write, row);
}

function groupsNeedSecurity() {
  return badRequest(
    'PortSecurityAndIPRequiredForSecurityGroups',
    'Port security must be enabled and port must have an IP address in order to use security groups.',
  );
}
