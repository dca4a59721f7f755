import {
  type Expression,
  type ExpressionBuilder,
  type Insertable,
  type Selectable,
  type SqlBool,
  sql,
  type Updateable,
} from 'kysely';
import type { Db } from '#kernel/db/database.ts';
import type { JsonText } from '#kernel/db/json.ts';
import { applyPage, type SortKey } from '#kernel/db/page.ts';
import { NotFound } from '#kernel/errors.ts';
import type { ServerPort } from '../peers.ts';
import type { ServerGroupTables } from '../server-groups/tables.ts';
import { listShelvedPorts } from './snapshots/store.ts';
import type { TaskState, VmState } from './states.ts';
import type { ServerRow, ServerTables } from './tables.ts';

export type Server = Selectable<ServerRow>;
export type ServerPatch = Updateable<ServerRow>;

/** A server with what views need of its neighbours. */
export interface WholeServer extends Server {
  /** As network last told them; null while no host has the guest, unless it is shelved. */
  readonly guest_ports: JsonText<readonly ServerPort[]> | null;
  readonly tags: readonly string[];
}

/** Even a deleted one. */
export async function findServer(db: Db<ServerTables>, id: string): Promise<Server | undefined> {
  return db.selectFrom('servers').selectAll().where('id', '=', id).executeTakeFirst();
}

/** @throws {NotFound} `compute.server.absent`, also for deleted ones. */
export async function getServer(db: Db<ServerTables>, id: string): Promise<Server> {
  const row = await findServer(db, id);
  if (row === undefined || row.deleted_at !== null) throw serverAbsent(id);
  return row;
}

export function serverAbsent(id: string): NotFound {
  return new NotFound('compute.server.absent', `Instance ${id.slice(0, 255)} could not be found.`);
}

/** With deleted ones when they are asked for. */
export async function findWholeServer(db: Db<ServerTables>, id: string): Promise<WholeServer | undefined> {
  const [found] = await withNeighbours(
    db,
    [await findServer(db, id)].filter((row) => row !== undefined),
  );
  return found;
}

export async function insertServers(tx: Db<ServerTables>, rows: readonly Insertable<ServerRow>[]): Promise<void> {
  await tx.insertInto('servers').values(rows).execute();
}

export async function insertTags(tx: Db<ServerTables>, serverId: string, tags: readonly string[]): Promise<void> {
  if (tags.length === 0) return;
  await tx
    .insertInto('server_tags')
    .values(tags.map((tag) => ({ server_id: serverId, tag })))
    .execute();
}

export async function deleteTags(tx: Db<ServerTables>, serverId: string, tags?: readonly string[]): Promise<void> {
  if (tags?.length === 0) return;
  let query = tx.deleteFrom('server_tags').where('server_id', '=', serverId);
  if (tags !== undefined) query = query.where('tag', 'in', tags);
  await query.execute();
}

export async function listTags(db: Db<ServerTables>, serverId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('server_tags')
    .select('tag')
    .where('server_id', '=', serverId)
    .orderBy('tag')
    .execute();
  return rows.map((row) => row.tag);
}

/** Writes to a server, whatever its state. */
export async function updateServer(db: Db<ServerTables>, id: string, patch: ServerPatch): Promise<void> {
  await db.updateTable('servers').set(patch).where('id', '=', id).execute();
}

/** Writes to a server that is still in the state it was seen in. False: it is not, and nothing was written. */
export async function swapServer(
  tx: Db<ServerTables>,
  seen: Pick<Server, 'id' | 'vm_state' | 'task_state'>,
  patch: ServerPatch,
): Promise<boolean> {
  const query = tx
    .updateTable('servers')
    .set(patch)
    .where('id', '=', seen.id)
    .where('vm_state', '=', seen.vm_state)
    .where('deleted_at', 'is', null);
  const updated = await (seen.task_state === null
    ? query.where('task_state', 'is', null)
    : query.where('task_state', '=', seen.task_state)
  ).executeTakeFirst();
  return updated.numUpdatedRows === 1n;
}

/** What to list; all of it holds at once. Texts are matched whole unless said otherwise. */
export interface ServerFilter {
  readonly projectId?: string | undefined;
  readonly userId?: string | undefined;
  readonly ids?: readonly string[] | undefined;
  readonly isDeleted?: boolean | undefined;
  readonly vmStates?: readonly VmState[] | undefined;
  readonly taskStates?: readonly (TaskState | null)[] | undefined;
  readonly powerState?: number | undefined;
  readonly hostId?: string | undefined;
  readonly flavorId?: string | undefined;
  readonly imageId?: string | undefined;
  readonly reservationId?: string | undefined;
  readonly availabilityZone?: string | undefined;
  readonly keyName?: string | undefined;
  readonly accessIpV4?: string | undefined;
  readonly accessIpV6?: string | undefined;
  readonly isLocked?: boolean | undefined;
  readonly hasConfigDrive?: boolean | undefined;
  readonly changedSince?: number | undefined;
  readonly changedBefore?: number | undefined;
  readonly createdAt?: number | undefined;
  readonly progress?: number | undefined;
  readonly launchIndex?: number | undefined;
  readonly allTags?: readonly string[] | undefined;
  readonly anyTags?: readonly string[] | undefined;
  readonly notAllTags?: readonly string[] | undefined;
  readonly notAnyTags?: readonly string[] | undefined;
  /** A text that is in the name whatever the case of letters: narrows a match that the caller makes. */
  readonly nameContains?: string | undefined;
}

/** One page of servers, in two or three queries however many there are. */
export async function listServers(
  db: Db<ServerTables>,
  filter: ServerFilter,
  page: { readonly keys: readonly SortKey[]; readonly marker?: Server | undefined; readonly limit: number },
): Promise<WholeServer[]> {
  const f = filter;
  const query = db
    .selectFrom('servers')
    .selectAll()
    .$if(f.projectId !== undefined, (q) => q.where('project_id', '=', f.projectId ?? ''))
    .$if(f.userId !== undefined, (q) => q.where('user_id', '=', f.userId ?? ''))
    .$if(f.ids !== undefined, (q) => q.where('id', 'in', f.ids ?? []))
    .$if(f.isDeleted === false, (q) => q.where('deleted_at', 'is', null))
    .$if(f.isDeleted === true, (q) => q.where('deleted_at', 'is not', null))
    .$if(f.vmStates !== undefined, (q) => q.where('vm_state', 'in', f.vmStates ?? []))
    .$if(f.taskStates !== undefined, (q) => q.where((eb) => inNullable(eb, f.taskStates ?? [])))
    .$if(f.powerState !== undefined, (q) => q.where('power_state', '=', f.powerState ?? 0))
    .$if(f.hostId !== undefined, (q) => q.where('host_id', '=', f.hostId ?? ''))
    .$if(f.flavorId !== undefined, (q) => q.where('flavor_id', '=', f.flavorId ?? ''))
    .$if(f.imageId !== undefined, (q) => q.where('image_id', '=', f.imageId ?? ''))
    .$if(f.reservationId !== undefined, (q) => q.where('reservation_id', '=', f.reservationId ?? ''))
    .$if(f.availabilityZone !== undefined, (q) => q.where('availability_zone', '=', f.availabilityZone ?? ''))
    .$if(f.keyName !== undefined, (q) => q.where('key_name', '=', f.keyName ?? ''))
    .$if(f.accessIpV4 !== undefined, (q) => q.where('access_ip_v4', '=', f.accessIpV4 ?? ''))
    .$if(f.accessIpV6 !== undefined, (q) => q.where('access_ip_v6', '=', f.accessIpV6 ?? ''))
    .$if(f.isLocked === true, (q) => q.where('locked_by', 'is not', null))
    .$if(f.isLocked === false, (q) => q.where('locked_by', 'is', null))
    .$if(f.hasConfigDrive !== undefined, (q) => q.where('has_config_drive', '=', f.hasConfigDrive === true ? 1 : 0))
    .$if(f.changedSince !== undefined, (q) => q.where('updated_at', '>=', f.changedSince ?? 0))
    .$if(f.changedBefore !== undefined, (q) => q.where('updated_at', '<=', f.changedBefore ?? 0))
    .$if(f.createdAt !== undefined, (q) => q.where('created_at', '=', f.createdAt ?? 0))
    .$if(f.progress !== undefined, (q) => q.where('progress', '=', f.progress ?? 0))
    .$if(f.launchIndex !== undefined, (q) => q.where('launch_index', '=', f.launchIndex ?? 0))
    .$if(f.nameContains !== undefined, (q) =>
      q.where(sql<boolean>`lower(name) like ${`%${escapeLike(f.nameContains ?? '')}%`} escape '!'`),
    )
    .$if(f.anyTags !== undefined, (q) => q.where('id', 'in', taggedWith(db, f.anyTags ?? [], 1)))
    .$if(f.allTags !== undefined, (q) => q.where('id', 'in', taggedWith(db, f.allTags ?? [], new Set(f.allTags).size)))
    .$if(f.notAnyTags !== undefined, (q) => q.where('id', 'not in', taggedWith(db, f.notAnyTags ?? [], 1)))
    .$if(f.notAllTags !== undefined, (q) =>
      q.where('id', 'not in', taggedWith(db, f.notAllTags ?? [], new Set(f.notAllTags).size)),
    );
  const marker = page.marker as Readonly<Record<string, unknown>> | undefined;
  return withNeighbours(db, await applyPage(query, { ...page, marker }).execute());
}

function inNullable(
  eb: ExpressionBuilder<ServerTables, 'servers'>,
  states: readonly (TaskState | null)[],
): Expression<SqlBool> {
  const named = states.filter((state) => state !== null);
  return eb.or([
    ...(named.length > 0 ? [eb('task_state', 'in', named)] : []),
    ...(named.length < states.length ? [eb('task_state', 'is', null)] : []),
  ]);
}

function taggedWith(db: Db<ServerTables>, tags: readonly string[], atLeast: number) {
  return db
    .selectFrom('server_tags')
    .select('server_id')
    .where('tag', 'in', tags)
    .groupBy('server_id')
    .having((eb) => eb.fn.countAll(), '>=', atLeast);
}

function escapeLike(text: string): string {
  return text.toLowerCase().replace(/[%_!]/g, '!$&');
}

/** More ids than this go into several queries: SQLite has a limit on what one statement may name. */
const MAX_IDS = 10_000;

async function withNeighbours(db: Db<ServerTables>, rows: readonly Server[]): Promise<WholeServer[]> {
  if (rows.length === 0) return [];
  const ids = rows.map((row) => row.id).slice(0, MAX_IDS);
  const guests = await db
    .selectFrom('server_guests')
    .select(['server_id', 'host_id', 'ports'])
    .where('server_id', 'in', ids)
    .where('is_gone', '=', 0)
    .execute();
  const tags = await db
    .selectFrom('server_tags')
    .selectAll()
    .where('server_id', 'in', ids)
    .orderBy('server_id')
    .orderBy('tag')
    .execute();
  const shelved = await listShelvedPorts(db, ids);
  const ports = new Map([...shelved, ...guests].map((row) => [row.server_id, row.ports]));
  const byServer = Map.groupBy(tags, (tag) => tag.server_id);
  return rows.map((row) => ({
    ...row,
    guest_ports: ports.get(row.id) ?? null,
    tags: (byServer.get(row.id) ?? []).map(({ tag }) => tag),
  }));
}

/** Where servers are that a new one shall be with or without; deleted ones and those without a host are left out. */
export async function listHostsOfServers(db: Db<ServerTables>, ids: readonly string[]): Promise<string[]> {
  if (ids.length === 0) return [];
  const rows = await db
    .selectFrom('servers')
    .select('host_id')
    .distinct()
    .where('id', 'in', ids)
    .where('deleted_at', 'is', null)
    .where('host_id', 'is not', null)
    .execute();
  return rows.map((row) => row.host_id ?? '');
}

/** How many of some servers each host has. */
export async function countServersByHost(
  db: Db<ServerTables>,
  ids: readonly string[],
): Promise<Record<string, number>> {
  if (ids.length === 0) return {};
  const rows = await db
    .selectFrom('servers')
    .select(['host_id', (eb) => eb.fn.countAll<number | string>().as('count')])
    .where('id', 'in', ids)
    .where('deleted_at', 'is', null)
    .where('host_id', 'is not', null)
    .groupBy('host_id')
    .execute();
  return Object.fromEntries(rows.map((row) => [row.host_id ?? '', Number(row.count)]));
}

/** Servers whose time for what is under way is over. */
export async function listOverdue(db: Db<ServerTables>, nowMs: number, limit: number): Promise<Server[]> {
  return db
    .selectFrom('servers')
    .selectAll()
    .where('deadline_at', '<=', nowMs)
    .orderBy('deadline_at')
    .limit(limit)
    .execute();
}

/** Forgets servers that were deleted long ago. Returns how many. */
export async function pruneServers(
  db: Db<ServerTables & ServerGroupTables>,
  beforeMs: number,
  limit: number,
): Promise<number> {
  const old = await db.selectFrom('servers').select('id').where('deleted_at', '<', beforeMs).limit(limit).execute();
  if (old.length === 0) return 0;
  const ids = old.map((row) => row.id);
  await db.deleteFrom('server_tags').where('server_id', 'in', ids).execute();
  await db.deleteFrom('server_group_members').where('server_id', 'in', ids).execute();
  // A host that has been away all the while gives such a guest up when it's back: it's not among the desired.
  await db.deleteFrom('server_guests').where('server_id', 'in', ids).execute();
  await db.deleteFrom('servers').where('id', 'in', ids).execute();
  return ids.length;
}
