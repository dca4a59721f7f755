import type { RequestContext } from '#kernel/auth/context.ts';
import { toBit, toJson } from '#kernel/db/json.ts';
import { newUuid } from '#kernel/ids.ts';
import { isTrue } from '../../fields.ts';
import { compute } from '../../microversions.ts';
import { snapshotImage } from '../boot-image.ts';
import { accessAddress, type CreateRequest } from '../schema.ts';
import type { Server } from '../store.ts';
import { BUILD_DEADLINE_MS } from '../tasks/build.ts';
import { planPort } from './networks.ts';
import type { NewServers } from './request.ts';

export type NewServer = Omit<Server, 'number'>;

interface RowInput {
  readonly ctx: RequestContext;
  readonly request: CreateRequest;
  readonly wanted: NewServers;
  readonly reservationId: string;
  readonly nowMs: number;
  /** Which of the request's `count` servers, from 0. */
  readonly index: number;
  readonly count: number;
}

/** The row of one of a request's servers: building, and yet without a host. */
export function newServerRow(input: RowInput): NewServer {
  const { ctx, request, wanted, nowMs, index, count } = input;
  const { server } = request;
  const { place, flavor, image, keyPair } = wanted;
  const id = newUuid();
  const base = server.name.trim();
  const name = count > 1 ? `${base}-${index + 1}` : base;
  const hostname =
    count > 1 ? `${sanitizeHostname(base, 'server')}-${index + 1}` : sanitizeHostname(base, `server-${id}`);
  return {
    id,
    project_id: wanted.projectId,
    user_id: ctx.userId,
    name,
    description: request.has(compute.serverDescription) ? (server.description ?? null) : name,
    hostname: server.hostname ?? hostname,
    reservation_id: input.reservationId,
    launch_index: index,
    host_id: null,
    availability_zone: place.zone,
    requested_host_id: place.hostId,
    scheduler_hints: toJson(wanted.hints),
    flavor: toJson(flavor),
    flavor_id: flavor.id,
    old_flavor: null,
    old_vm_state: null,
    vcpus: flavor.vcpus,
    memory_mib: flavor.memoryMib,
    image: toJson(snapshotImage(image)),
    image_id: image.id,
    key_name: keyPair?.name ?? null,
    key_pair: keyPair === null ? null : toJson(keyPair),
    user_data: server.user_data ?? null,
    has_config_drive: toBit(isTrue(server.config_drive)),
    metadata: toJson(server.metadata ?? {}),
    ports: toJson(wanted.networks.map(planPort)),
    security_group_ids: toJson(wanted.securityGroupIds),
    security_group_names: toJson(wanted.securityGroupNames),
    trusted_certs: server.trusted_image_certificates == null ? null : toJson(server.trusted_image_certificates),
    access_ip_v4: accessAddress(server.accessIPv4),
    access_ip_v6: accessAddress(server.accessIPv6),
    disk_config: server['OS-DCF:diskConfig'] ?? 'MANUAL',
    locked_by: null,
    locked_reason: null,
    vm_state: 'building',
    task_state: 'scheduling',
    power_state: 0,
    progress: 0,
    fault: null,
    request_id: ctx.requestId,
    deadline_at: nowMs + BUILD_DEADLINE_MS,
    created_at: nowMs,
    updated_at: nowMs,
    launched_at: null,
    terminated_at: null,
    deleted_at: null,
  };
}

/**
 * A host name out of a server's name.
 * @see nova/utils.py, sanitize_hostname
 */
function sanitizeHostname(name: string, fallback: string): string {
  const clean = name
    .normalize('NFKD')
    .replace(/[ _.]/g, '-')
    .replace(/[^a-zA-Z0-9-]/g, '')
    .toLowerCase()
    .replace(/^[-.]+/, '')
    .slice(0, 63)
    .replace(/[-.]+$/, '');
  return clean === '' ? fallback : clean;
}
