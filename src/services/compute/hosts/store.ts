import type { Selectable } from 'kysely';
import type { Db } from '#kernel/db/database.ts';
import { toJson } from '#kernel/db/json.ts';
import type { Heartbeat } from '#protocol/hosts.ts';
import type { HostRow, HostTables } from './tables.ts';

export type Host = Selectable<HostRow>;

const BRIEF = ['id', 'hostname', 'is_disabled', 'is_forced_down', 'last_seen_at'] as const;

/** Every host, by name. There are some hundred, so that no caller needs pages of them. */
export async function listHosts(db: Db<HostTables>): Promise<Host[]> {
  return db.selectFrom('hosts').selectAll().orderBy('hostname').execute();
}

export async function findHost(db: Db<HostTables>, id: string): Promise<Host | undefined> {
  return db.selectFrom('hosts').selectAll().where('id', '=', id).executeTakeFirst();
}

export async function findHostByName(db: Db<HostTables>, hostname: string): Promise<Host | undefined> {
  return db.selectFrom('hosts').selectAll().where('hostname', '=', hostname).executeTakeFirst();
}

/** What a host is called and how it does, without all that it has told of itself. */
export type BriefHost = Pick<Host, 'id' | 'hostname' | 'is_disabled' | 'is_forced_down' | 'last_seen_at'>;

/** Every host, briefly. */
export async function listBriefHosts(db: Db<HostTables>): Promise<BriefHost[]> {
  return db.selectFrom('hosts').select(BRIEF).orderBy('hostname').execute();
}

/** Some hosts, briefly; those that are gone are left out. */
export async function listBriefHostsById(db: Db<HostTables>, ids: readonly string[]): Promise<BriefHost[]> {
  if (ids.length === 0) return [];
  return db.selectFrom('hosts').select(BRIEF).where('id', 'in', ids).execute();
}

/** Names of hosts, by id. */
export async function listHostNames(db: Db<HostTables>, ids: readonly string[]): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map();
  const rows = await db.selectFrom('hosts').select(['id', 'hostname']).where('id', 'in', ids).execute();
  return new Map(rows.map((row) => [row.id, row.hostname]));
}

/** Takes a new host in. Its name is a label: where two hosts have the same one, the later gets the start of its id with it. */
export async function insertHost(tx: Db<HostTables>, id: string, beat: Heartbeat, nowMs: number): Promise<string> {
  const wanted = beat.facts.hostname;
  const hostname = (await findHostByName(tx, wanted)) === undefined ? wanted : `${wanted}-${id.slice(0, 8)}`;
  await tx
    .insertInto('hosts')
    .values({
      id,
      hostname,
      facts: toJson(beat.facts),
      notices: toJson(beat.notices),
      is_disabled: 0,
      disabled_reason: null,
      is_forced_down: 0,
      last_seen_at: nowMs,
      created_at: nowMs,
      updated_at: nowMs,
    })
    .execute();
  return hostname;
}

/** Notes which revision a host has seen; writes only what is new. */
export async function noteReportedRevision(tx: Db<HostTables>, id: string, revision: number): Promise<void> {
  await tx
    .updateTable('hosts')
    .set({ reported_revision: revision })
    .where('id', '=', id)
    .where('reported_revision', '<>', revision)
    .execute();
}

/** Writes a heartbeat down. */
export async function updateHostBeat(db: Db<HostTables>, id: string, beat: Heartbeat, nowMs: number): Promise<void> {
  await db
    .updateTable('hosts')
    .set({ facts: toJson(beat.facts), notices: toJson(beat.notices), last_seen_at: nowMs })
    .where('id', '=', id)
    .execute();
}
