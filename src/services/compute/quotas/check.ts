/**
 * Counting against a limit in the transaction that takes: whoever asks first changes the project's row in `quota_locks`,
 * so that two requests at once, even on two controllers, count one after the other.
 */
import type { RequestContext } from '#kernel/auth/context.ts';
import type { Db } from '#kernel/db/database.ts';
import { OverLimit } from '#kernel/errors.ts';
import type { ComputeTables } from '../tables.ts';
import { DEFAULT_LIMITS, type Limits, UNLIMITED } from './resources.ts';
import { countServers, listSetLimits, lockQuota } from './store.ts';

/** The class whose limits stand in for the built-in ones. */
export const DEFAULT_CLASS = 'class:default';

/** The limits that hold in a project, or for a user in it. */
export async function limitsOf(db: Db<ComputeTables>, projectId: string, userId?: string): Promise<Limits> {
  return {
    ...DEFAULT_LIMITS,
    ...(await listSetLimits(db, DEFAULT_CLASS)),
    ...(await listSetLimits(db, projectId)),
    ...(userId === undefined ? {} : await listSetLimits(db, projectId, userId)),
  };
}

export interface ServersWanted {
  /** At least this many; as many up to `max` as the quota has room for. 0 for a resize, which takes no new server. */
  readonly min: number;
  readonly max: number;
  /** Of each server, or what it gets more by a resize. */
  readonly vcpus: number;
  readonly memoryMib: number;
}

type ServerResource = 'instances' | 'cores' | 'ram';
const SERVER_RESOURCES = ['cores', 'instances', 'ram'] as const;

/**
 * Whether a project and its user may have so many servers more. Call it in the transaction that inserts them, before it.
 * @returns how many of them.
 * @throws {OverLimit} `compute.quota.servers` (403), in nova's words: `Quota exceeded for cores, instances: Requested 1, 1,
 *   but already used 10, 10 of 10, 10 cores, instances`.
 * @see nova/compute/utils.py, check_num_instances_quota
 */
export async function checkServerQuota(
  tx: Db<ComputeTables>,
  owner: Pick<RequestContext, 'userId'> & { readonly projectId: string },
  wanted: ServersWanted,
): Promise<number> {
  await lockQuota(tx, owner.projectId);
  const ofProject = await roomOf(tx, owner.projectId);
  const ofUser = await roomOfUser(tx, owner.projectId, owner.userId);
  const rooms = ofUser === undefined ? [ofProject] : [ofProject, ofUser];
  for (let count = wanted.max; count >= Math.max(wanted.min, 1); count--) {
    if (rooms.every((room) => lackOf(room, wanted, count).length === 0)) return count;
  }
  if (wanted.max === 0 && rooms.every((room) => lackOf(room, wanted, 0).length === 0)) return 0;
  throw overQuota(rooms, wanted);
}

interface Room {
  readonly limits: Readonly<Record<ServerResource, number>>;
  readonly used: Readonly<Record<ServerResource, number>>;
}

async function roomOf(tx: Db<ComputeTables>, projectId: string): Promise<Room> {
  return { limits: await limitsOf(tx, projectId), used: await countServers(tx, projectId) };
}

/** Undefined when no limit is set for the user: then the project's suffice. */
async function roomOfUser(tx: Db<ComputeTables>, projectId: string, userId: string): Promise<Room | undefined> {
  const set = await listSetLimits(tx, projectId, userId);
  if (SERVER_RESOURCES.every((resource) => set[resource] === undefined)) return undefined;
  return { limits: await limitsOf(tx, projectId, userId), used: await countServers(tx, projectId, userId) };
}

function lackOf({ limits, used }: Room, wanted: ServersWanted, count: number): ServerResource[] {
  const more = moreOf(wanted, count);
  return SERVER_RESOURCES.filter(
    (name) => more[name] > 0 && limits[name] !== UNLIMITED && used[name] + more[name] > limits[name],
  );
}

/** A resize (`max` 0) takes processors and memory, but no server. */
function moreOf(wanted: ServersWanted, count: number): Readonly<Record<ServerResource, number>> {
  const times = wanted.max === 0 ? 1 : count;
  return { instances: count, cores: times * wanted.vcpus, ram: times * wanted.memoryMib };
}

function overQuota(rooms: readonly Room[], wanted: ServersWanted): OverLimit {
  const room = rooms.find((each) => lackOf(each, wanted, wanted.max).length > 0);
  if (room === undefined) throw new Error('no limit is exceeded');
  const overs = lackOf(room, wanted, wanted.max);
  const more = moreOf(wanted, wanted.max);
  const asked = { ...more, instances: wanted.min === wanted.max ? wanted.max : `${wanted.min}-${wanted.max}` };
  const list = (values: readonly (number | string)[]): string => values.join(', ');
  const names = list(overs);
  return new OverLimit(
    'compute.quota.servers',
    `Quota exceeded for ${names}: Requested ${list(overs.map((name) => asked[name]))}, but already used ` +
      `${list(overs.map((name) => room.used[name]))} of ${list(overs.map((name) => room.limits[name]))} ${names}`,
  );
}

/** @throws {OverLimit} `compute.quota.metadata_items` when a server of the project may not have so much metadata. */
export async function requireMetadataFit(
  db: Db<ComputeTables>,
  projectId: string,
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  const { metadata_items: limit } = await limitsOf(db, projectId);
  if (limit >= 0 && Object.keys(metadata).length > limit)
    throw new OverLimit('compute.quota.metadata_items', `Maximum number of metadata items exceeds ${limit}`);
}
