import { randomBytes, randomInt } from 'node:crypto';
import type { RequestContext } from '#kernel/auth/context.ts';
import type { Db } from '#kernel/db/database.ts';
import { toBit, toJson } from '#kernel/db/json.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { BadRequest, Forbidden, OverLimit } from '#kernel/errors.ts';
import { newUuid } from '#kernel/ids.ts';
import { canonicalAddress } from '#kernel/net.ts';
import type { ComputeDeps } from '../deps.ts';
import { isTrue, wholeNumber } from '../fields.ts';
import { flavorViewer } from '../flavors/logic.ts';
import { type Flavor, findFlavor } from '../flavors/store.ts';
import { findHostByName } from '../hosts/store.ts';
import { recordAction } from '../instance-actions/store.ts';
import { findKeyPair } from '../key-pairs/store.ts';
import { compute } from '../microversions.ts';
import type { BootImage, ServerNetwork } from '../peers.ts';
import { checkServerQuota, limitsOf } from '../quotas/check.ts';
import { findServerGroup, insertGroupMembers, listGroupMembers } from '../server-groups/store.ts';
import { requireZone } from './scheduler/zones.ts';
import type { DeviceInput, HintsInput, ServerInput } from './schema.ts';
import { insertServers, insertTags, type Server } from './store.ts';
import type { PlannedPort, SchedulerHints, ServerFlavor, ServerImage, ServerKeyPair } from './tables.ts';
import { BUILD_DEADLINE_MS, buildServerTask } from './tasks/build.ts';

/** Servers of one request; a quota is mostly reached before. More hold the one transaction for too long. */
const MAX_COUNT = 1_000;
const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const PASSWORD_LENGTH = 12;
/** Nova's symbols: none of them looks like another. */
const PASSWORD_SYMBOLS = '23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';

export const bad = (message: string): BadRequest => new BadRequest('compute.invalid_input', message);

export interface CreateRequest {
  readonly server: ServerInput;
  readonly hints: HintsInput;
  has(feature: string): boolean;
}

export interface Created {
  readonly serverId: string;
  readonly reservationId: string;
  readonly adminPassword: string;
  readonly diskConfig: 'AUTO' | 'MANUAL';
}

/**
 * Accepts servers: checks everything that can be known now, and writes their rows, the quota and their tasks in one
 * transaction. Each is then built by its task.
 * @throws {BadRequest} in nova's words; {OverLimit} `compute.quota.servers`; {Forbidden} by policy.
 * @see https://docs.openstack.org/api-ref/compute/#create-server
 */
export async function createServers(deps: ComputeDeps, ctx: RequestContext, request: CreateRequest): Promise<Created> {
  const { server } = request;
  const projectId = ctx.projectId ?? '';
  const target = { project_id: projectId, user_id: ctx.userId };
  deps.policy.enforce(ctx, 'os_compute_api:servers:create', target);
  const count = readCount(server);
  const place = await readPlace(deps, ctx, request);
  refuseVolumes(deps, ctx, server);
  const flavor = await readFlavor(deps, ctx, server.flavorRef);
  const image = await readImage(deps, ctx, server);
  requireFitFlavor(deps, ctx, snapshotFlavor(flavor), image);
  const networks = await readNetworks(deps, ctx, request, count);
  const groupNames = [...new Set((server.security_groups ?? []).map(({ name }) => name ?? 'default'))];
  const groupIds =
    networks.length === 0 || groupNames.length === 0 ? [] : await deps.network.findSecurityGroups(ctx, groupNames);
  const keyPair = await readKeyPair(deps, ctx, server.key_name);
  await requireMetadataFit(deps.db, projectId, server.metadata ?? {});
  if (server.personality !== undefined && server.personality.length > 0)
    throw bad('Personality files are not put into guests here; give the files by user_data instead.');
  if (server.trusted_image_certificates != null)
    deps.policy.enforce(ctx, 'os_compute_api:servers:create:trusted_certs', target);
  if (server.hostname !== undefined && count.max > 1)
    throw bad('Unable to allocate a single hostname to multiple instances');
  const hints = readHints(request.hints);
  await requireGroup(deps, ctx, hints);
  const nowMs = deps.clock.now().getTime();
  const adminPassword = server.adminPass ?? newPassword();
  const common = {
    ctx,
    projectId,
    server,
    request,
    place,
    hints,
    flavor: snapshotFlavor(flavor),
    image,
    keyPair,
    networks,
    groupIds,
    groupNames: groupNames.length === 0 ? ['default'] : groupNames,
    reservationId: `r-${randomBytes(5).toString('hex').slice(0, 8)}`,
    nowMs,
  };
  const ids = await inTransaction(deps.db, async (tx) => {
    const wanted = { min: count.min, max: count.max, vcpus: flavor.vcpus, memoryMib: flavor.memory_mib };
    const allowed = await checkServerQuota(tx, { projectId, userId: ctx.userId }, wanted);
    const rows = Array.from({ length: allowed }, (_, i) => rowOf(common, i, allowed));
    await insertServers(tx, rows);
    if (hints.groupId !== null)
      await joinGroup(
        tx,
        hints.groupId,
        rows.map((row) => row.id),
      );
    for (const row of rows) await acceptOne(deps, tx, { row, ctx, adminPassword, tags: server.tags ?? [] });
    return rows.map((row) => row.id);
  });
  return {
    serverId: ids[0] ?? '',
    reservationId: common.reservationId,
    adminPassword,
    diskConfig: server['OS-DCF:diskConfig'] ?? 'MANUAL',
  };
}

async function acceptOne(
  deps: ComputeDeps,
  tx: ComputeDeps['db'],
  {
    row,
    ctx,
    adminPassword,
    tags,
  }: { row: NewServer; ctx: RequestContext; adminPassword: string; tags: readonly string[] },
): Promise<void> {
  await insertTags(tx, row.id, [...new Set(tags)]);
  await recordAction(tx, {
    serverId: row.id,
    requestId: ctx.requestId,
    action: 'create',
    userId: ctx.userId,
    projectId: row.project_id,
    at: row.created_at,
  });
  await deps.tasks.enqueue(tx as Db, {
    name: buildServerTask,
    resourceId: row.id,
    projectId: row.project_id,
    requestId: ctx.requestId,
    input: { adminPassword },
    deadlineMs: BUILD_DEADLINE_MS,
  });
}

function readCount(server: ServerInput): { min: number; max: number } {
  const min = wholeNumber(server.min_count ?? 1, 'min_count', 1);
  const max = wholeNumber(server.max_count ?? min, 'max_count', 1);
  if (min > max) throw bad('min_count must be <= max_count');
  if (max > MAX_COUNT) throw bad(`max_count must be <= ${MAX_COUNT}`);
  return { min, max };
}

interface Place {
  readonly zone: string | null;
  readonly hostId: string | null;
}

/** `zone`, `zone:host`, `zone:host:node` or `zone::node`, and 2.74's host. */
async function readPlace(deps: ComputeDeps, ctx: RequestContext, { server, has }: CreateRequest): Promise<Place> {
  const target = { project_id: ctx.projectId, user_id: ctx.userId };
  const [zone, host, node, ...rest] = (server.availability_zone ?? '').split(':');
  if (rest.length > 0) throw bad('Invalid availability_zone: Unable to parse availability_zone');
  const forced = [host, node].filter((name) => name !== undefined && name !== '');
  if (forced.length > 0) deps.policy.enforce(ctx, 'os_compute_api:servers:create:forced_host', target);
  const asked = [server.host, server.hypervisor_hostname].filter((name) => name !== undefined);
  if (has(compute.createOnHost) && asked.length > 0) {
    deps.policy.enforce(ctx, 'compute:servers:create:requested_destination', target);
    if (forced.length > 0) throw bad('Unable to specify requested_destination together with forced host or node.');
  }
  const names = [...forced, ...asked];
  let hostId: string | null = null;
  for (const name of names) {
    const found = await findHostByName(deps.db, name ?? '');
    if (found === undefined || (hostId !== null && hostId !== found.id))
      throw bad(`Compute host ${name} could not be found.`);
    hostId = found.id;
  }
  await requireZone(deps, zone ?? '');
  return { zone: zone === undefined || zone === '' ? null : zone, hostId };
}

/** Without block storage only what an image makes on the host's own disk is a device. */
function refuseVolumes(deps: ComputeDeps, ctx: RequestContext, server: ServerInput): void {
  const devices = [...(server.block_device_mapping ?? []), ...(server.block_device_mapping_v2 ?? [])];
  if (server.block_device_mapping !== undefined && server.block_device_mapping_v2 !== undefined)
    throw bad('Using different block_device_mapping syntaxes is not allowed in the same request.');
  if (devices.length === 0) return;
  deps.policy.enforce(ctx, 'os_compute_api:servers:create:attach_volume', { project_id: ctx.projectId });
  const imageDevices = (server.block_device_mapping_v2 ?? []).filter(isLocalImage);
  if (devices.some((device) => !isLocalImage(device)))
    throw bad(
      'Block Device Mapping is Invalid: this cloud has no block storage; the one device it takes has source_type image, destination_type local and boot_index 0.',
    );
  if (imageDevices.length !== 1)
    throw bad(
      'Block Device Mapping is Invalid: Boot sequence for the instance and image/block device mapping combination is not valid.',
    );
}

function isLocalImage(device: DeviceInput): boolean {
  return (
    device.source_type === 'image' &&
    (device.destination_type ?? 'local') === 'local' &&
    Number(device.boot_index ?? 0) === 0
  );
}

async function readFlavor(deps: ComputeDeps, ctx: RequestContext, ref: string | number): Promise<Flavor> {
  const id = String(ref).split('/').at(-1) ?? '';
  const flavor = await findFlavor(deps.db, id, flavorViewer(deps, ctx));
  if (flavor === undefined) throw bad(`Flavor ${id} could not be found.`);
  return flavor;
}

async function readImage(deps: ComputeDeps, ctx: RequestContext, server: ServerInput): Promise<BootImage> {
  const device = (server.block_device_mapping_v2 ?? []).find(isLocalImage);
  const id = device?.uuid ?? device?.image_id ?? server.imageRef ?? '';
  if (device !== undefined && server.imageRef !== undefined && server.imageRef !== '' && server.imageRef !== id)
    throw bad(
      'Block Device Mapping is Invalid: Boot sequence for the instance and image/block device mapping combination is not valid.',
    );
  if (id === '') throw bad('Invalid imageRef provided.');
  return findBootImage(deps, ctx, id);
}

/** @throws {BadRequest} `compute.invalid_input` when the caller has no such image, or it isn't fit to boot from. */
export async function findBootImage(deps: ComputeDeps, ctx: RequestContext, id: string): Promise<BootImage> {
  try {
    return await deps.image.getImageForBoot(ctx, id);
  } catch (error) {
    if (isStatus(error, 404) || isStatus(error, 403)) throw bad('Can not find requested image');
    throw error;
  }
}

function isStatus(error: unknown, status: number): boolean {
  return error instanceof Error && 'status' in error && error.status === status;
}

/** @throws {BadRequest} when hosts cannot boot from it. */
export function requireBootable(image: BootImage): void {
  if (image.status !== 'active') throw bad(`Image ${image.id} is not active.`);
  const { diskFormat } = image;
  if (diskFormat !== 'raw' && diskFormat !== 'qcow2' && diskFormat !== 'iso')
    throw bad(
      `Image ${image.id} is unacceptable: servers boot from disk_format raw, qcow2 or iso here, not ${diskFormat ?? 'none'}.`,
    );
}

/** @throws {BadRequest} in nova's words when the flavor is too small for the image. */
export function requireFitFlavor(deps: ComputeDeps, ctx: RequestContext, flavor: ServerFlavor, image: BootImage): void {
  requireBootable(image);
  if (flavor.memoryMib < image.minRamMib) throw bad("Flavor's memory is too small for requested image.");
  if (flavor.rootGib === 0) {
    if (deps.policy.allows(ctx, 'os_compute_api:servers:create:zero_disk_flavor', { project_id: ctx.projectId }))
      return;
    throw new Forbidden(
      'compute.flavor.zero_disk',
      'Only volume-backed servers are allowed for flavors with zero disk.',
    );
  }
  const rootBytes = flavor.rootGib * GIB;
  if (flavor.rootGib < image.minDiskGib)
    throw bad(
      `Flavor's disk is smaller than the minimum size specified in image metadata. Flavor disk is ${rootBytes} bytes, minimum size is ${image.minDiskGib * GIB} bytes.`,
    );
  const imageBytes = Math.max(image.sizeBytes ?? 0, image.virtualSizeBytes ?? 0);
  if (imageBytes > rootBytes)
    throw bad(
      `Flavor's disk is too small for requested image. Flavor disk is ${rootBytes} bytes, image is ${imageBytes} bytes.`,
    );
}

async function readNetworks(
  deps: ComputeDeps,
  ctx: RequestContext,
  { server, has }: CreateRequest,
  count: { readonly max: number },
): Promise<readonly ServerNetwork[]> {
  const { networks } = server;
  if (networks === undefined && has(compute.autoNetwork))
    throw bad("Invalid input for field/attribute server. 'networks' is a required property");
  if (typeof networks === 'string') return deps.network.resolveServerNetworks(ctx, networks, { count: count.max });
  const items = networks ?? [];
  if (items.length > 0)
    deps.policy.enforce(ctx, 'os_compute_api:servers:create:attach_network', { project_id: ctx.projectId });
  for (const item of items) requireNetworkItem(item, { has, isMany: count.max > 1 });
  const requested = items.map((item) => ({
    networkId: item.uuid,
    portId: item.port ?? undefined,
    fixedIp: item.fixed_ip,
    tag: item.tag,
  }));
  return deps.network.resolveServerNetworks(ctx, requested, { count: count.max });
}

type NetworkItem = Exclude<ServerInput['networks'], string | undefined>[number];

function requireNetworkItem(
  item: NetworkItem,
  { has, isMany }: { has(feature: string): boolean; readonly isMany: boolean },
): void {
  if (item.tag !== undefined && has(compute.autoNetwork) && !has(compute.deviceTagsAgain))
    throw bad(
      "Invalid input for field/attribute networks. Additional properties are not allowed ('tag' was unexpected)",
    );
  const hasPort = item.port !== undefined && item.port !== null;
  if (!hasPort && item.uuid === undefined) throw bad('Bad networks format: missing uuid');
  if (item.uuid !== undefined && !/^[0-9a-f-]{32,36}$/i.test(item.uuid))
    throw bad(`Bad networks format: network uuid is not in proper format (${item.uuid})`);
  if (hasPort && item.fixed_ip !== undefined)
    throw bad(
      `Specified Fixed IP '${item.fixed_ip}' cannot be used with port '${item.port}': the two cannot be specified together.`,
    );
  if (hasPort && isMany)
    throw bad(
      'Failed to launch instances: Unable to launch multiple instances with a single configured port ID. Please launch your instance one by one with different ports.',
    );
  if (item.fixed_ip !== undefined && isMany)
    throw bad('Failed to launch instances: Invalid fixed IP and max count: a fixed address is for one server.');
}

async function readKeyPair(
  deps: ComputeDeps,
  ctx: RequestContext,
  name: string | undefined,
): Promise<ServerKeyPair | null> {
  if (name === undefined) return null;
  const found = await findKeyPair(deps.db, ctx.userId, name);
  if (found === undefined) throw bad('Invalid key_name provided.');
  return { name: found.name, type: found.type, data: found.public_key };
}

/** @throws {OverLimit} `compute.quota.metadata_items`. */
export async function requireMetadataFit(
  db: ComputeDeps['db'],
  projectId: string,
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  const { metadata_items: limit } = await limitsOf(db, projectId);
  if (limit >= 0 && Object.keys(metadata).length > limit)
    throw new OverLimit('compute.quota.metadata_items', `Maximum number of metadata items exceeds ${limit}`);
}

function readHints(hints: HintsInput): SchedulerHints {
  const list = (value: string | readonly string[] | undefined): readonly string[] =>
    typeof value === 'string' ? [value] : (value ?? []);
  return {
    sameHost: list(hints.same_host),
    differentHost: list(hints.different_host),
    groupId: list(hints.group)[0] ?? null,
  };
}

/** @throws {BadRequest} unless it is a group of the caller's project. */
async function requireGroup(deps: ComputeDeps, ctx: RequestContext, { groupId }: SchedulerHints): Promise<void> {
  if (groupId === null) return;
  const group = await findServerGroup(deps.db, groupId);
  if (group === undefined || group.project_id !== ctx.projectId)
    throw bad(`Instance group ${groupId} could not be found.`);
}

/** @throws {OverLimit} `compute.quota.server_group_members`. */
async function joinGroup(tx: ComputeDeps['db'], groupId: string, serverIds: readonly string[]): Promise<void> {
  const group = await findServerGroup(tx, groupId);
  if (group === undefined) throw bad(`Instance group ${groupId} could not be found.`);
  const { server_group_members: limit } = await limitsOf(tx, group.project_id);
  const members = await listGroupMembers(tx, groupId);
  if (limit >= 0 && members.length + serverIds.length > limit)
    throw new OverLimit('compute.quota.server_group_members', 'Quota exceeded, too many servers in group');
  await insertGroupMembers(tx, groupId, serverIds);
}

/** The flavor as the server keeps it. */
export function snapshotFlavor(flavor: Flavor): ServerFlavor {
  return {
    id: flavor.id,
    name: flavor.name,
    memoryMib: flavor.memory_mib,
    vcpus: flavor.vcpus,
    rootGib: flavor.root_gib,
    ephemeralGib: flavor.ephemeral_gib,
    swapMib: flavor.swap_mib,
    rxtxFactor: flavor.rxtx_factor,
    extraSpecs: flavor.extraSpecs,
  };
}

/** The image as the server keeps it; what `requireFitFlavor` has let through. */
export function snapshotImage(image: BootImage): ServerImage {
  const { id, name, properties, diskFormat, sizeBytes, sha512 } = image;
  if (diskFormat !== 'raw' && diskFormat !== 'qcow2' && diskFormat !== 'iso') throw new Error('an unfit image');
  return { id, name, properties, diskFormat, sizeBytes: sizeBytes ?? 0, sha512: sha512 ?? '' };
}

/** A password that a person can type. */
export function newPassword(): string {
  return Array.from({ length: PASSWORD_LENGTH }, () => PASSWORD_SYMBOLS[randomInt(PASSWORD_SYMBOLS.length)]).join('');
}

/**
 * A host name out of a server's name.
 * @see nova/utils.py, sanitize_hostname
 */
export function sanitizeHostname(name: string, fallback: string): string {
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

interface Common {
  readonly ctx: RequestContext;
  readonly projectId: string;
  readonly server: ServerInput;
  readonly request: CreateRequest;
  readonly place: Place;
  readonly hints: SchedulerHints;
  readonly flavor: ServerFlavor;
  readonly image: BootImage;
  readonly keyPair: ServerKeyPair | null;
  readonly networks: readonly ServerNetwork[];
  readonly groupIds: readonly string[];
  readonly groupNames: readonly string[];
  readonly reservationId: string;
  readonly nowMs: number;
}

type NewServer = Omit<Server, 'number'>;

function rowOf(common: Common, index: number, count: number): NewServer {
  const { ctx, server, place, flavor, image, keyPair, nowMs, request } = common;
  const id = newUuid();
  const base = server.name.trim();
  const name = count > 1 ? `${base}-${index + 1}` : base;
  const hostname =
    count > 1 ? `${sanitizeHostname(base, 'server')}-${index + 1}` : sanitizeHostname(base, `server-${id}`);
  return {
    id,
    project_id: common.projectId,
    user_id: ctx.userId,
    name,
    description: request.has(compute.serverDescription) ? (server.description ?? null) : name,
    hostname: server.hostname ?? hostname,
    reservation_id: common.reservationId,
    launch_index: index,
    host_id: null,
    availability_zone: place.zone,
    requested_host_id: place.hostId,
    scheduler_hints: toJson(common.hints),
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
    ports: toJson(common.networks.map(planPort)),
    security_group_ids: toJson(common.groupIds),
    security_group_names: toJson(common.groupNames),
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

/** An address as it's kept: in its one short form; empty is none. */
export function accessAddress(text: string | undefined): string | null {
  return text === undefined || text === '' ? null : (canonicalAddress(text) ?? text);
}

/** A port of the user's, or the id that the one to be made will have. */
export function planPort(network: ServerNetwork): PlannedPort {
  const given = network.portId ?? null;
  return {
    portId: given ?? newUuid(),
    networkId: network.networkId,
    fixedIp: network.fixedIp ?? null,
    tag: network.tag ?? null,
    isUserPort: given !== null,
  };
}
