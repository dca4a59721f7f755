import type { RequestContext } from '#kernel/auth/context.ts';
import { fromJson } from '#kernel/db/json.ts';
import type { SortKey } from '#kernel/db/page.ts';
import { Forbidden } from '#kernel/errors.ts';
import { badInput } from '../bad-input.ts';
import type { ComputeDeps } from '../deps.ts';
import { strictBoolean } from '../fields.ts';
import { findHostByName } from '../hosts/store.ts';
import { compute } from '../microversions.ts';
import { limitOf } from '../paging.ts';
import { compilePattern } from './regexp.ts';
import { statesOfStatuses, type TaskState, type VmState } from './states.ts';
import { findServer, listServers, type ServerFilter, type WholeServer } from './store.ts';
import { addressesByNetwork } from './view.ts';

/** Query parameters by name, each with its values in the order given. */
export type ServerQuery = Readonly<Record<string, readonly string[] | undefined>>;

/** What anybody may search by; administrators by everything. @see nova/api/openstack/compute/servers.py */
const FOR_ALL = ['reservation_id', 'name', 'status', 'image', 'flavor', 'ip', 'changes-since', 'all_tenants'];
const FOR_ALL_SINCE_283 = [
  'availability_zone',
  'config_drive',
  'key_name',
  'created_at',
  'launched_at',
  'terminated_at',
  'power_state',
  'task_state',
  'vm_state',
  'progress',
  'user_id',
];
const TAG_FILTERS = ['tags', 'tags-any', 'not-tags', 'not-tags-any'];
/** Servers read from the database at a time where a filter has to look at each. */
const SCAN_BATCH = 1_000;
/** Servers looked at for one page by such a filter; beyond it the search is refused rather than slow. */
const MAX_SCANNED = 50_000;

export interface ServerPage {
  readonly servers: readonly WholeServer[];
  readonly limit: number;
}

interface ListRequest {
  readonly query: ServerQuery;
  readonly isDetailed: boolean;
  has(feature: string): boolean;
}

/**
 * One page of servers that fit.
 * @throws {BadRequest} in nova's words; {Forbidden} for other projects' servers.
 * @see nova/api/openstack/compute/servers.py, _get_servers
 */
export async function findServers(deps: ComputeDeps, ctx: RequestContext, request: ListRequest): Promise<ServerPage> {
  const limit = limitOf({ limit: last(request.query, 'limit') });
  const search = await readSearch(deps, ctx, request);
  const marker = await findMarker(deps, request.query);
  if (search === undefined || limit === 0) return { servers: [], limit };
  const keys = readSort(deps, ctx, request);
  const matches = search.matches;
  if (matches === undefined)
    return { servers: await listServers(deps.db, search.filter, { keys, marker, limit }), limit };
  const found: WholeServer[] = [];
  let at = marker;
  for (let scanned = 0; found.length < limit; scanned += SCAN_BATCH) {
    if (scanned >= MAX_SCANNED)
      throw badInput(
        `More than ${MAX_SCANNED} servers would have to be searched; narrow the search by another filter.`,
      );
    const batch = await listServers(deps.db, search.filter, { keys, marker: at, limit: SCAN_BATCH });
    found.push(...batch.filter(matches));
    at = batch.at(-1);
    if (batch.length < SCAN_BATCH) break;
  }
  return { servers: found.slice(0, limit), limit };
}

function last(query: ServerQuery, name: string): string | undefined {
  return query[name]?.at(-1);
}

async function findMarker(deps: ComputeDeps, query: ServerQuery): Promise<WholeServer | undefined> {
  const id = last(query, 'marker');
  if (id === undefined) return undefined;
  const row = await findServer(deps.db, id);
  if (row === undefined) throw badInput(`marker [${id.slice(0, 255)}] not found`);
  return { ...row, guest_ports: null, tags: [] };
}

/** Columns that clients may sort by, and what they are called here. */
const SORT_COLUMNS: Readonly<Record<string, string>> = {
  access_ip_v4: 'access_ip_v4',
  access_ip_v6: 'access_ip_v6',
  auto_disk_config: 'disk_config',
  availability_zone: 'availability_zone',
  config_drive: 'has_config_drive',
  created_at: 'created_at',
  display_description: 'description',
  display_name: 'name',
  host: 'host_id',
  hostname: 'hostname',
  image_ref: 'image_id',
  instance_type_id: 'flavor_id',
  key_name: 'key_name',
  launch_index: 'launch_index',
  launched_at: 'launched_at',
  locked_by: 'locked_by',
  node: 'host_id',
  power_state: 'power_state',
  progress: 'progress',
  project_id: 'project_id',
  task_state: 'task_state',
  terminated_at: 'terminated_at',
  updated_at: 'updated_at',
  user_id: 'user_id',
  uuid: 'id',
  vm_state: 'vm_state',
};
const SORT_BY_ADMIN = new Set(['host', 'node']);
/** Known to nova, and sorted by nothing. */
const SORT_IGNORED = new Set([
  'architecture',
  'cell_name',
  'cleaned',
  'default_ephemeral_device',
  'default_swap_device',
  'deleted',
  'deleted_at',
  'disable_terminate',
  'ephemeral_gb',
  'ephemeral_key_uuid',
  'id',
  'key_data',
  'internal_id',
  'memory_mb',
  'os_type',
  'root_gb',
  'shutdown_terminate',
  'user_data',
  'vcpus',
  'vm_mode',
  'kernel_id',
  'ramdisk_id',
  'root_device_name',
  'reservation_id',
  'locked',
]);
/** Sort keys in one request. */
const MAX_SORT_KEYS = 8;

function columnOf(sortKey: string): string | undefined {
  return Object.hasOwn(SORT_COLUMNS, sortKey) ? SORT_COLUMNS[sortKey] : undefined;
}

function readSort(deps: ComputeDeps, ctx: RequestContext, { query, has }: ListRequest): SortKey[] {
  const names = (query['sort_key'] ?? []).map((name) => name.trim());
  const directions = (query['sort_dir'] ?? []).map((name) => name.trim());
  if (names.length > MAX_SORT_KEYS) throw badInput(`At most ${MAX_SORT_KEYS} sort keys are taken.`);
  const keys: SortKey[] = [];
  names.forEach((name, i) => {
    const known = name === 'locked' && has(compute.lockedReason) ? 'locked_by' : columnOf(name);
    if (known === undefined && !SORT_IGNORED.has(name))
      throw badInput(
        `Invalid input for query parameters sort_key. Value: ${name.slice(0, 100)}. '${name.slice(0, 100)}' is not a sort key`,
      );
    if (SORT_BY_ADMIN.has(name) && !deps.policy.allows(ctx, 'context_is_admin'))
      throw new Forbidden('policy.refused', `Only administrators can sort servers by ${name}`);
    if (known === undefined) return;
    const direction = directions[i] ?? directions.at(-1) ?? 'desc';
    if (!keys.some((key) => key.column === known))
      keys.push({ column: known, direction: direction === 'asc' ? 'asc' : 'desc' });
  });
  const direction = keys[0]?.direction ?? (directions[0] === 'asc' ? 'asc' : 'desc');
  if (keys.length === 0) keys.push({ column: 'created_at', direction });
  return [...keys, { column: 'number', direction }];
}

interface Search {
  readonly filter: ServerFilter;
  /** What the database cannot tell. */
  readonly matches: ((server: WholeServer) => boolean) | undefined;
}

/** Undefined: nothing can fit. */
async function readSearch(deps: ComputeDeps, ctx: RequestContext, request: ListRequest): Promise<Search | undefined> {
  const { has, isDetailed } = request;
  const isAdmin = deps.policy.allows(ctx, 'os_compute_api:servers:allow_all_filters');
  const query = isAdmin ? request.query : pickAllowed(request.query, has);
  const text = (name: string): string | undefined => last(query, name);
  const scope = scopeOf(deps, ctx, query, isDetailed);
  const states = readStates(deps, ctx, query, has);
  if (states === undefined) return undefined;
  const times = readTimes(query, has);
  const hostName = text('host') ?? text('node') ?? text('hypervisor_hostname');
  const host = hostName === undefined ? undefined : await findHostByName(deps.db, hostName);
  if (hostName !== undefined && host === undefined) return undefined;
  const name = text('name') ?? text('display_name');
  const flavor = text('flavor')?.split('/').at(-1);
  const filter: ServerFilter = {
    ...scope,
    ...states,
    ...times,
    ids: text('uuid') === undefined ? undefined : [text('uuid') ?? ''],
    hostId: host?.id,
    flavorId: flavor,
    imageId: text('image')?.split('/').at(-1) ?? text('image_ref'),
    reservationId: text('reservation_id'),
    availabilityZone: text('availability_zone'),
    keyName: text('key_name'),
    accessIpV4: text('access_ip_v4'),
    accessIpV6: text('access_ip_v6'),
    powerState: numberOf(text('power_state')),
    progress: numberOf(text('progress')),
    launchIndex: numberOf(text('launch_index')),
    hasConfigDrive: text('config_drive') === undefined ? undefined : readConfigDrive(text('config_drive') ?? ''),
    isLocked:
      has(compute.lockedReason) && text('locked') !== undefined
        ? strictBoolean(text('locked') ?? '', "Value of 'locked' must be a boolean.")
        : undefined,
    ...(has(compute.serverTags) ? readTags(query) : {}),
    nameContains: name !== undefined && /^[\w .-]*$/.test(name) && !name.includes('.') ? name : undefined,
  };
  return { filter, matches: readMatches(query, name, has, isAdmin) };
}

function pickAllowed(query: ServerQuery, has: (feature: string) => boolean): ServerQuery {
  const allowed = new Set([
    ...FOR_ALL,
    'sort_key',
    'sort_dir',
    ...(has(compute.serverFilterIp6ForAll) ? ['ip6'] : []),
    ...(has(compute.serverTags) ? TAG_FILTERS : []),
    ...(has(compute.changesBefore) ? ['changes-before'] : []),
    ...(has(compute.lockedReason) ? ['locked'] : []),
    ...(has(compute.serverFiltersForAll) ? FOR_ALL_SINCE_283 : []),
  ]);
  return Object.fromEntries(Object.entries(query).filter(([name]) => allowed.has(name)));
}

function scopeOf(
  deps: ComputeDeps,
  ctx: RequestContext,
  query: ServerQuery,
  isDetailed: boolean,
): Pick<ServerFilter, 'projectId' | 'userId'> {
  const flag = last(query, 'all_tenants');
  const isAll =
    flag !== undefined &&
    (flag === '' || strictBoolean(flag, `Invalid value '${flag.slice(0, 40)}' for all_tenants: it is a boolean.`));
  const userId = last(query, 'user_id');
  if (isAll) {
    const rule = `os_compute_api:servers:${isDetailed ? 'detail' : 'index'}:get_all_tenants`;
    deps.policy.enforce(ctx, rule, { project_id: ctx.projectId });
    const projectId = last(query, 'project_id') ?? last(query, 'tenant_id');
    return { ...(projectId === undefined ? {} : { projectId }), ...(userId === undefined ? {} : { userId }) };
  }
  return ctx.projectId === null
    ? { userId: ctx.userId }
    : { projectId: ctx.projectId, ...(userId === undefined ? {} : { userId }) };
}

function readStates(
  deps: ComputeDeps,
  ctx: RequestContext,
  query: ServerQuery,
  has: (feature: string) => boolean,
): Pick<ServerFilter, 'vmStates' | 'taskStates' | 'isDeleted'> | undefined {
  const isAdmin = deps.policy.allows(ctx, 'context_is_admin');
  const hasTimes = query['changes-since'] !== undefined || query['changes-before'] !== undefined;
  const deleted = last(query, 'deleted');
  const asked = deleted === undefined ? (hasTimes ? undefined : false) : /^(1|t|true|on|y|yes)$/i.test(deleted.trim());
  const statuses = query['status'];
  if (statuses === undefined) {
    const vmState = last(query, 'vm_state');
    const taskState = last(query, 'task_state');
    return {
      isDeleted: asked,
      vmStates: vmState === undefined ? undefined : [vmState as VmState],
      taskStates: taskState === undefined ? undefined : [taskState === 'None' ? null : (taskState as TaskState)],
    };
  }
  const { vmStates, taskStates } = statesOfStatuses(statuses);
  if (vmStates.length === 0) {
    if (has(compute.badStatusRefused)) throw badInput('Invalid status value');
    return undefined;
  }
  if (vmStates.length === 1 && vmStates[0] === 'deleted') {
    if (!isAdmin) throw new Forbidden('policy.refused', 'Only administrators may list deleted instances');
    return { isDeleted: true, vmStates, taskStates: undefined };
  }
  return { isDeleted: asked, vmStates, taskStates };
}

function readTimes(
  query: ServerQuery,
  has: (feature: string) => boolean,
): Pick<ServerFilter, 'changedSince' | 'changedBefore' | 'createdAt'> {
  const time = (name: string): number | undefined => {
    const text = last(query, name);
    if (text === undefined) return undefined;
    const ms = Date.parse(/[zZ]|[+-]\d\d:?\d\d$/.test(text) ? text : `${text}Z`);
    if (!/^\d{4}-\d\d-\d\d/.test(text) || Number.isNaN(ms))
      throw badInput(
        `Invalid input for query parameters ${name}. Value: ${text.slice(0, 60)}. '${text.slice(0, 60)}' is not a 'date-time'`,
      );
    return ms;
  };
  const changedSince = time('changes-since');
  const changedBefore = has(compute.changesBefore) ? time('changes-before') : undefined;
  if (changedSince !== undefined && changedBefore !== undefined && changedBefore < changedSince)
    throw badInput('The value of changes-since must be less than or equal to changes-before.');
  return { changedSince, changedBefore, createdAt: time('created_at') };
}

function readTags(query: ServerQuery): Pick<ServerFilter, 'allTags' | 'anyTags' | 'notAllTags' | 'notAnyTags'> {
  const list = (name: string): string[] | undefined => last(query, name)?.split(',').slice(0, 100);
  return {
    allTags: list('tags'),
    anyTags: list('tags-any'),
    notAllTags: list('not-tags'),
    notAnyTags: list('not-tags-any'),
  };
}

function readConfigDrive(text: string): boolean {
  return /^(1|t|true|on|y|yes)$/i.test(text.trim());
}

/** A number to compare with; what is none fits nothing, as in the real service. */
function numberOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  return /^-?\d{1,9}$/.test(text) ? Number(text) : Number.MIN_SAFE_INTEGER;
}

/** Patterns and addresses, which are looked for in each server. */
function readMatches(
  query: ServerQuery,
  name: string | undefined,
  has: (feature: string) => boolean,
  isAdmin: boolean,
): ((server: WholeServer) => boolean) | undefined {
  const tests: ((server: WholeServer) => boolean)[] = [];
  if (name !== undefined) {
    const isFound = compilePattern(name);
    tests.push((server) => isFound(server.name));
  }
  const hostname = isAdmin ? last(query, 'hostname') : undefined;
  if (hostname !== undefined) {
    const isFound = compilePattern(hostname);
    tests.push((server) => isFound(server.hostname));
  }
  const description = isAdmin ? (last(query, 'description') ?? last(query, 'display_description')) : undefined;
  if (description !== undefined) {
    const isFound = compilePattern(description);
    tests.push((server) => server.description !== null && isFound(server.description));
  }
  for (const [parameter, version] of [
    ['ip', 4],
    ['ip6', 6],
  ] as const) {
    const pattern = last(query, parameter);
    if (pattern === undefined || (parameter === 'ip6' && !isAdmin && !has(compute.serverFilterIp6ForAll))) continue;
    const isFound = compilePattern(pattern);
    tests.push((server) =>
      [...addressesByNetwork(server).values()].flat().some((ip) => ip.version === version && isFound(ip.addr)),
    );
  }
  const metadata = last(query, 'metadata');
  if (isAdmin && metadata !== undefined) tests.push(metadataTest(metadata));
  return tests.length === 0 ? undefined : (server) => tests.every((test) => test(server));
}

function metadataTest(text: string): (server: WholeServer) => boolean {
  let wanted: unknown;
  try {
    wanted = JSON.parse(text.replaceAll("'", '"'));
  } catch {
    throw badInput(`Invalid filter field: metadata. It is an object: {"key": "value"}.`);
  }
  if (typeof wanted !== 'object' || wanted === null) throw badInput('Invalid filter field: metadata. It is an object.');
  const entries = Object.entries(wanted);
  return (server) => {
    const metadata = fromJson(server.metadata);
    return entries.every(([key, value]) => Object.hasOwn(metadata, key) && metadata[key] === String(value));
  };
}
