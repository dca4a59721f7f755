import { toBit, toJson } from '#kernel/db/json.ts';
import { conflict, invalidInput } from '../errors.ts';
import { deleteFloatingIp } from '../floating-ips/logic.ts';
import { listUnusedFloatingIps } from '../floating-ips/store.ts';
import { unbindDhcp } from '../hosts/store.ts';
import { touchNetworks } from '../hosts/touch.ts';
import { isAutoDeleted } from '../ports/owners.ts';
import { deletePortRows } from '../ports/remove.ts';
import { countPortsOf, listPorts } from '../ports/store.ts';
import { addRbacPolicy, removeRbacPolicies } from '../rbac-policies/store.ts';
import type { Changes, NewValues } from '../resources/attributes.ts';
import { newRow, type Write } from '../resources/resource.ts';
import { deleteAttachments, touchRow } from '../resources/store.ts';
import { ensureDefaultGroup } from '../security-groups/default.ts';
import { deleteSubnetRow, listSubnetsOfNetwork } from '../subnets/store.ts';
import { checkZoneHints } from '../zones.ts';
import type { networkAttributes } from './schema.ts';
import { allocateSegment, maxMtu, readSegment } from './segments.ts';
import {
  deleteNetworkRow,
  findDefaultExternal,
  findNetwork,
  insertNetwork,
  listForeignUsers,
  networkNotFound,
  updateNetworkRow,
} from './store.ts';
import type { NetworkRow } from './tables.ts';

type New = NewValues<typeof networkAttributes> & { readonly project_id: string };
type Update = Changes<typeof networkAttributes>;

/** Least MTU that IPv4 allows. */
const MIN_MTU = 68;

/**
 * Makes a network: its segment is the caller's wish, where he may have one, or a free one of the project types.
 * @throws {Conflict} when the segment is in use; {OverLimit}.
 */
export async function createNetwork(write: Write, values: New): Promise<string> {
  const standard = newRow(write, values);
  const wanted = readSegment(write, {
    networkType: values['provider:network_type'] ?? null,
    physicalNetwork: values['provider:physical_network'] ?? null,
    segmentationId: values['provider:segmentation_id'] ?? null,
  });
  checkZoneHints(write.deps, values.availability_zone_hints);
  if (values.is_default) await refuseSecondDefault(write, standard.id);
  const row: NetworkRow = {
    ...standard,
    name: values.name,
    admin_state_up: toBit(values.admin_state_up),
    mtu: 0,
    network_type: wanted?.networkType ?? 'local',
    physical_network: null,
    segmentation_id: null,
    is_external: toBit(values['router:external']),
    is_default: toBit(values.is_default),
    port_security_enabled: toBit(values.port_security_enabled),
    dns_domain: values.dns_domain,
    availability_zone_hints: toJson([...values.availability_zone_hints]),
  };
  await insertNetwork(write.tx, row);
  const segment = await allocateSegment(write, row.id, wanted);
  await updateNetworkRow(write.tx, row.id, {
    network_type: segment.networkType,
    physical_network: segment.physicalNetwork,
    segmentation_id: segment.segmentationId,
    mtu: checkMtu(write, segment.networkType, values.mtu),
  });
  if (values.shared) await addRbacPolicy(write, row, 'access_as_shared');
  if (values['router:external']) await addRbacPolicy(write, row, 'access_as_external');
  await ensureDefaultGroup(write.deps, write.tx, row.project_id);
  return row.id;
}

export async function updateNetwork(write: Write, id: string, changes: Update): Promise<void> {
  const row = await findNetwork(write.tx, id);
  if (row === undefined) throw networkNotFound(id);
  refuseOtherSegment(row, changes);
  const external = changes['router:external'];
  if (changes.shared === true) await addRbacPolicy(write, row, 'access_as_shared');
  if (changes.shared === false) await unshare(write, row);
  if (external === true && row.is_external === 0) await addRbacPolicy(write, row, 'access_as_external');
  if (external === false && row.is_external === 1) await makeInternal(write, row);
  if (changes.is_default === true) await refuseSecondDefault(write, id);
  await updateNetworkRow(write.tx, id, {
    ...(changes.name === undefined ? {} : { name: changes.name }),
    ...(changes.description === undefined ? {} : { description: changes.description }),
    ...(changes.admin_state_up === undefined ? {} : { admin_state_up: toBit(changes.admin_state_up) }),
    ...(changes.mtu === undefined ? {} : { mtu: checkMtu(write, row.network_type, changes.mtu) }),
    ...(external === undefined ? {} : { is_external: toBit(external) }),
    ...(changes.is_default === undefined ? {} : { is_default: toBit(changes.is_default) }),
    ...(changes.port_security_enabled === undefined
      ? {}
      : { port_security_enabled: toBit(changes.port_security_enabled) }),
    ...(changes.dns_domain === undefined ? {} : { dns_domain: changes.dns_domain }),
  });
  await touchRow(write.tx, 'networks', id, write.deps.clock.now().getTime());
  await touchNetworks(write, [id]);
}

/**
 * Deletes a network with its subnets, the floating IPs of it that lead nowhere, and the ports that the cloud made for itself.
 * @throws {Conflict} `NetworkInUse` while anybody's port is on it.
 */
export async function deleteNetwork(write: Write, id: string): Promise<void> {
  for (const floatingIp of await listUnusedFloatingIps(write.tx, id)) await deleteFloatingIp(write, floatingIp.id);
  const ports = await listPorts(write.tx, { networkIds: [id] });
  if (ports.some((port) => !isAutoDeleted(port.device_owner)))
    throw conflict(
      'NetworkInUse',
      `Unable to complete operation on network ${id}. There are one or more ports still in use on the network.`,
    );
  await touchNetworks(write, [id]);
  await deletePortRows(
    write,
    ports.map((port) => port.id),
  );
  for (const subnet of await listSubnetsOfNetwork(write.tx, id)) await deleteSubnetRow(write.tx, subnet.id);
  await unbindDhcp(write.tx, id);
  await deleteAttachments(write.tx, id);
  await deleteNetworkRow(write.tx, id);
}

function checkMtu(write: Write, networkType: NetworkRow['network_type'], mtu: number | undefined): number {
  const max = maxMtu(write, networkType);
  if (mtu === undefined || mtu === 0) return max;
  if (mtu > max) throw invalidInput(`Requested MTU is too big, maximum is ${max}`);
  if (mtu < MIN_MTU) throw invalidInput(`Requested MTU is too small, minimum is ${MIN_MTU}`);
  return mtu;
}

/** What carries a network stays: hosts have built it already. */
function refuseOtherSegment(row: NetworkRow, changes: Update): void {
  const differs = (
    [
      ['provider:network_type', row.network_type],
      ['provider:physical_network', row.physical_network],
      ['provider:segmentation_id', row.segmentation_id],
    ] as const
  ).filter(([name, current]) => changes[name] !== undefined && changes[name] !== current);
  if (differs.length > 0)
    throw invalidInput(
      'Plugin does not support updating the following provider network attributes: network_type, physical_network, segmentation_id',
    );
}

async function refuseSecondDefault(write: Write, id: string): Promise<void> {
  const other = await findDefaultExternal(write.tx);
  if (other !== undefined && other.id !== id)
    throw conflict('DefaultExternalNetworkExists', `A default external network already exists: ${other.id}.`);
}

async function unshare(write: Write, row: NetworkRow): Promise<void> {
  if ((await listForeignUsers(write.tx, row.id, row.project_id)).length > 0)
    throw conflict(
      'InvalidSharedSetting',
      `Unable to reconfigure sharing settings for network ${row.name}. Multiple projects are using it.`,
    );
  await removeRbacPolicies(write.tx, row.id, 'access_as_shared', '*');
}

async function makeInternal(write: Write, row: NetworkRow): Promise<void> {
  if ((await countPortsOf(write.tx, row.id, ['network:router_gateway', 'network:floatingip'])) > 0)
    throw conflict(
      'ExternalNetworkInUse',
      `External network ${row.id} cannot be updated to be made non-external, since it has existing gateway ports.`,
    );
  await removeRbacPolicies(write.tx, row.id, 'access_as_external');
}
