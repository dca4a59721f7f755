import type { Selectable } from 'kysely';
import type { Db } from '#kernel/db/database.ts';
import { unlessTaken } from '#kernel/db/transaction.ts';
import type { ServerTables } from '../servers/tables.ts';
import type { ServerActionEventRow, ServerActionRow, ServerActionTables } from './tables.ts';

/** A server's request does several things only by mistake; more events than this for one action are not shown. */
const MAX_EVENTS = 200;

export interface NewAction {
  readonly serverId: string;
  /** The request that asked for it: `ctx.requestId`. */
  readonly requestId: string;
  /** Nova's word: `create`, `delete`, `reboot`, `revertResize`, …; see nova/compute/instance_actions.py. */
  readonly action: string;
  readonly userId: string | null;
  readonly projectId: string | null;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/**
 * Writes down that somebody asked something of a server; call it in the transaction that accepts the request.
 * A second action of the same server in one request is kept as the first.
 */
export async function recordAction(tx: Db<ServerActionTables>, action: NewAction): Promise<void> {
  await unlessTaken(
    tx
      .insertInto('server_actions')
      .values({
        server_id: action.serverId,
        request_id: action.requestId,
        action: action.action,
        user_id: action.userId,
        project_id: action.projectId,
        started_at: action.at,
        updated_at: action.at,
        message: null,
      })
      .execute(),
  );
}

export interface ActionEvent {
  readonly serverId: string;
  readonly requestId: string;
  /** Nova's word, such as `compute__do_build_and_run_instance`, `compute_reboot_instance`. */
  readonly event: string;
  readonly host: string | null;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** Writes down that a part of an action has begun. Repeating it, after a crash, changes nothing. */
export async function startEvent(tx: Db<ServerActionTables>, event: ActionEvent): Promise<void> {
  const known = await tx
    .selectFrom('server_action_events')
    .select('number')
    .where('server_id', '=', event.serverId)
    .where('request_id', '=', event.requestId)
    .where('event', '=', event.event)
    .executeTakeFirst();
  if (known !== undefined) return;
  await tx
    .insertInto('server_action_events')
    .values({
      server_id: event.serverId,
      request_id: event.requestId,
      event: event.event,
      host: event.host,
      started_at: event.at,
      finished_at: null,
      result: null,
      details: null,
      traceback: null,
    })
    .execute();
}

/**
 * Writes down how a part of an action ended. A failure is also the action's own.
 * @param failure What went wrong, in words for the server's owner; undefined when it went well.
 */
export async function finishEvent(tx: Db<ServerActionTables>, event: ActionEvent, failure?: string): Promise<void> {
  await startEvent(tx, event);
  await tx
    .updateTable('server_action_events')
    .set({
      finished_at: event.at,
      result: failure === undefined ? 'Success' : 'Error',
      details: failure ?? null,
      ...(event.host === null ? {} : { host: event.host }),
    })
    .where('server_id', '=', event.serverId)
    .where('request_id', '=', event.requestId)
    .where('event', '=', event.event)
    .execute();
  await tx
    .updateTable('server_actions')
    .set({ updated_at: event.at, ...(failure === undefined ? {} : { message: 'Error' }) })
    .where('server_id', '=', event.serverId)
    .where('request_id', '=', event.requestId)
    .execute();
}

export type ServerAction = Selectable<ServerActionRow>;
export type ServerActionEvent = Selectable<ServerActionEventRow>;

export interface ActionFilter {
  readonly changedSince?: number | undefined;
  readonly changedBefore?: number | undefined;
  /** Only those asked before this one. */
  readonly before?: ServerAction | undefined;
  readonly limit: number;
}

/** A server's actions, newest first. */
export function listActions(
  db: Db<ServerActionTables>,
  serverId: string,
  { changedSince, changedBefore, before, limit }: ActionFilter,
): Promise<ServerAction[]> {
  return db
    .selectFrom('server_actions')
    .selectAll()
    .where('server_id', '=', serverId)
    .$if(changedSince !== undefined, (q) => q.where('updated_at', '>=', changedSince ?? 0))
    .$if(changedBefore !== undefined, (q) => q.where('updated_at', '<=', changedBefore ?? 0))
    .$if(before !== undefined, (q) => q.where('number', '<', before?.number ?? 0))
    .orderBy('number', 'desc')
    .limit(limit)
    .execute();
}

export function findAction(
  db: Db<ServerActionTables>,
  serverId: string,
  requestId: string,
): Promise<ServerAction | undefined> {
  return db
    .selectFrom('server_actions')
    .selectAll()
    .where('server_id', '=', serverId)
    .where('request_id', '=', requestId)
    .executeTakeFirst();
}

/** The parts of an action, newest first. */
export function listEvents(
  db: Db<ServerActionTables>,
  serverId: string,
  requestId: string,
): Promise<ServerActionEvent[]> {
  return db
    .selectFrom('server_action_events')
    .selectAll()
    .where('server_id', '=', serverId)
    .where('request_id', '=', requestId)
    .orderBy('number', 'desc')
    .limit(MAX_EVENTS)
    .execute();
}

/** A server, deleted or not: its actions stay. */
export function findActionServer(
  db: Db<ServerTables>,
  id: string,
): Promise<{ readonly project_id: string; readonly deleted_at: number | null } | undefined> {
  return db.selectFrom('servers').select(['project_id', 'deleted_at']).where('id', '=', id).executeTakeFirst();
}
