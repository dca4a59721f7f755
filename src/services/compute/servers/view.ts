import type { ApiRequest } from '#kernel/api/route.ts';
import { fromJson } from '#kernel/db/json.ts';
import { isoMicrosOrNull, isoSeconds } from '#kernel/wire-times.ts';
import { hostIdOf } from '../hosts/host-id.ts';
import { compute } from '../microversions.ts';
import type { ServerPort } from '../peers.ts';
import { bookmarkOf, linksOf } from '../roots.ts';
import { statusOf } from './states.ts';
import type { WholeServer } from './store.ts';
import type { ServerFlavor } from './tables.ts';

type Request = Pick<ApiRequest, 'baseUrl' | 'params' | 'url' | 'has'>;

/** What a view may show, and what it needs to know besides the server. */
export interface ServerSight {
  readonly isAdmin: boolean;
  readonly seesExtended: boolean;
  readonly seesHostStatus: boolean;
  readonly seesExtraSpecs: boolean;
  /** Names of hosts, by id. */
  readonly hostNames: ReadonlyMap<string, string>;
  readonly hostStatuses: ReadonlyMap<string, string>;
  /** Zones of hosts, by id. */
  readonly zones: ReadonlyMap<string, string>;
  /** The server's groups; undefined in lists, which don't have them. */
  readonly serverGroups?: readonly string[] | undefined;
}

export function briefServer(request: Request, server: WholeServer): Record<string, unknown> {
  return { id: server.id, name: server.name, links: linksOf(request, 'servers', server.id) };
}

const PROGRESSING = new Set(['ACTIVE', 'BUILD', 'REBUILD', 'RESIZE', 'VERIFY_RESIZE', 'MIGRATING']);
const FAULTY = new Set(['ERROR', 'DELETED']);

/**
 * A server with all that its viewer may see, at the request's microversion.
 * @see nova/api/openstack/compute/views/servers.py
 */
export function wholeServer(request: Request, server: WholeServer, sight: ServerSight): Record<string, unknown> {
  const { has } = request;
  return {
    ...coreServer(request, server, sight),
    'OS-EXT-AZ:availability_zone': zoneOf(server, sight),
    config_drive: server.has_config_drive === 1 ? 'True' : '',
    key_name: server.key_name,
    'OS-SRV-USG:launched_at': isoMicrosOrNull(server.launched_at),
    'OS-SRV-USG:terminated_at': isoMicrosOrNull(server.terminated_at),
    ...securityGroupsOf(server),
    ...(sight.seesExtended ? extendedServer(request, server, sight) : {}),
    'OS-EXT-STS:task_state': server.task_state,
    'OS-EXT-STS:vm_state': server.vm_state,
    'OS-EXT-STS:power_state': server.power_state,
    'os-extended-volumes:volumes_attached': [],
    ...newerFields(request, server, sight),
    ...(has(compute.serverHostStatus) && sight.seesHostStatus
      ? { host_status: server.host_id === null ? '' : (sight.hostStatuses.get(server.host_id) ?? 'UNKNOWN') }
      : {}),
  };
}

/** What an update answers before 2.75: without what older clients did not get. */
export function updatedServer(request: Request, server: WholeServer, sight: ServerSight): Record<string, unknown> {
  if (request.has(compute.strictQueries)) return wholeServer(request, server, sight);
  const addresses = [...addressesByNetwork(server)].map(([name, list]) => [
    name,
    list.map(({ version, addr }) => ({ version, addr })),
  ]);
  return {
    ...coreServer(request, server, sight),
    addresses: Object.fromEntries(addresses),
    ...newerFields(request, server, sight),
  };
}

function coreServer(request: Request, server: WholeServer, sight: ServerSight): Record<string, unknown> {
  const status = statusOf(server);
  const fault = server.fault === null || !FAULTY.has(status) ? undefined : fromJson(server.fault);
  const showsDetails = fault?.details != null && (sight.isAdmin || fault.code !== 500);
  return {
    id: server.id,
    name: server.name,
    status,
    tenant_id: server.project_id,
    user_id: server.user_id,
    metadata: fromJson(server.metadata),
    hostId: hostIdHash(server, sight),
    image: imageOf(request, server),
    flavor: flavorOf(request, fromJson(server.flavor), sight),
    created: isoSeconds(server.created_at),
    updated: isoSeconds(server.updated_at),
    addresses: addressesOf(server),
    accessIPv4: server.access_ip_v4 ?? '',
    accessIPv6: server.access_ip_v6 ?? '',
    links: linksOf(request, 'servers', server.id),
    'OS-DCF:diskConfig': server.disk_config,
    ...(PROGRESSING.has(status) ? { progress: server.progress } : {}),
    ...(fault === undefined
      ? {}
      : {
          fault: {
            code: fault.code,
            created: isoSeconds(fault.createdAt),
            message: fault.message,
            ...(showsDetails ? { details: fault.details } : {}),
          },
        }),
  };
}

function newerFields(request: Request, server: WholeServer, sight: ServerSight): Record<string, unknown> {
  const { has } = request;
  return {
    ...(has(compute.serverLocked) ? { locked: server.locked_by !== null } : {}),
    ...(has(compute.serverDescription) ? { description: server.description } : {}),
    ...(has(compute.serverTags) ? { tags: server.tags } : {}),
    ...(has(compute.trustedImages)
      ? { trusted_image_certificates: server.trusted_certs === null ? null : fromJson(server.trusted_certs) }
      : {}),
    ...(has(compute.serverGroupsOfServer) && sight.serverGroups !== undefined
      ? { server_groups: sight.serverGroups }
      : {}),
    ...(has(compute.lockedReason) ? { locked_reason: server.locked_reason } : {}),
    ...(has(compute.hostname) ? { 'OS-EXT-SRV-ATTR:hostname': server.hostname } : {}),
  };
}

function extendedServer({ has }: Request, server: WholeServer, sight: ServerSight): Record<string, unknown> {
  const host = server.host_id === null ? null : (sight.hostNames.get(server.host_id) ?? null);
  const image = server.image === null ? null : fromJson(server.image);
  return {
    'OS-EXT-SRV-ATTR:host': host,
    'OS-EXT-SRV-ATTR:instance_name': `instance-${server.number.toString(16).padStart(8, '0')}`,
    'OS-EXT-SRV-ATTR:hypervisor_hostname': host,
    ...(has(compute.serverExtendedAttributes)
      ? {
          'OS-EXT-SRV-ATTR:hostname': server.hostname,
          'OS-EXT-SRV-ATTR:kernel_id': image?.properties['kernel_id'] ?? '',
          'OS-EXT-SRV-ATTR:launch_index': server.launch_index,
          'OS-EXT-SRV-ATTR:ramdisk_id': image?.properties['ramdisk_id'] ?? '',
          'OS-EXT-SRV-ATTR:reservation_id': server.reservation_id,
          'OS-EXT-SRV-ATTR:root_device_name': server.host_id === null ? null : '/dev/vda',
          'OS-EXT-SRV-ATTR:user_data': server.user_data,
        }
      : {}),
  };
}

function zoneOf(server: WholeServer, { zones }: ServerSight): string {
  const ofHost = server.host_id === null ? undefined : zones.get(server.host_id);
  return ofHost ?? server.availability_zone ?? '';
}

function hostIdHash(server: WholeServer, { hostNames }: ServerSight): string {
  return server.host_id === null ? '' : hostIdOf(server.project_id, hostNames.get(server.host_id) ?? server.host_id);
}

function imageOf(request: Request, server: WholeServer): unknown {
  if (server.image_id === null) return '';
  return {
    id: server.image_id,
    links: [{ rel: 'bookmark', href: bookmarkOf(request, 'images', server.image_id) }],
  };
}

function flavorOf(request: Request, flavor: ServerFlavor, sight: ServerSight): unknown {
  if (!request.has(compute.embeddedFlavor))
    return { id: flavor.id, links: [{ rel: 'bookmark', href: bookmarkOf(request, 'flavors', flavor.id) }] };
  return {
    vcpus: flavor.vcpus,
    ram: flavor.memoryMib,
    disk: flavor.rootGib,
    ephemeral: flavor.ephemeralGib,
    swap: flavor.swapMib,
    original_name: flavor.name,
    ...(sight.seesExtraSpecs ? { extra_specs: flavor.extraSpecs } : {}),
  };
}

/** One address as servers and their lists of addresses have it. */
interface Address {
  readonly version: 4 | 6;
  readonly addr: string;
  readonly type: 'fixed' | 'floating';
  readonly mac: string;
}

/** A server's addresses by network. */
export function addressesByNetwork(server: Pick<WholeServer, 'vm_state' | 'guest_ports'>): Map<string, Address[]> {
  const found = new Map<string, Address[]>();
  if (server.vm_state === 'building' || server.guest_ports === null) return found;
  for (const port of fromJson(server.guest_ports)) {
    const list = found.get(port.networkName) ?? [];
    found.set(port.networkName, [...list, ...addressesOfPort(port)]);
  }
  return found;
}

function addressesOfPort(port: ServerPort): Address[] {
  const mac = port.macAddress;
  const fixed = port.fixedIps.map((ip): Address => ({ version: ip.ipVersion, addr: ip.address, type: 'fixed', mac }));
  const floating = port.floatingIps.map((ip): Address => ({ version: 4, addr: ip.address, type: 'floating', mac }));
  return [...fixed, ...floating];
}

function addressesOf(server: WholeServer): Record<string, unknown> {
  return Object.fromEntries(
    [...addressesByNetwork(server)].map(([name, list]) => [
      name,
      list.map(({ version, addr, type, mac }) => ({
        version,
        addr,
        'OS-EXT-IPS:type': type,
        'OS-EXT-IPS-MAC:mac_addr': mac,
      })),
    ]),
  );
}

function securityGroupsOf(server: WholeServer): Record<string, unknown> {
  const names =
    server.guest_ports === null
      ? fromJson(server.security_group_names)
      : fromJson(server.guest_ports).flatMap((port) => port.securityGroups.map(({ name }) => name));
  const groups = [...new Set(names)].map((name) => ({ name }));
  return groups.length === 0 ? {} : { security_groups: groups };
}
