import type { RequestContext } from '#kernel/auth/context.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { Conflict } from '#kernel/errors.ts';
import type { ComputeDeps } from '../../deps.ts';
import { recordAction, startEvent } from '../../instance-actions/store.ts';
import { requireUnlocked, requireVisible } from '../access.ts';
import { ENDINGS } from '../guests/read-report.ts';
import { bumpGuests } from '../guests/revision.ts';
import { findGuest, type Guest, updateGuest } from '../guests/store.ts';
import { type ActionName, requireState, type TaskState } from '../states.ts';
import { getServer, type Server, type ServerPatch, swapServer } from '../store.ts';

/** How long a host may take to do what was asked: a guest has its time to shut down, and a busy host its queue. */
const ACTION_DEADLINE_MS = 10 * 60_000;

/** What an action asks of a server and its host. */
export interface Begin {
  readonly rule: string;
  readonly action: ActionName;
  /** The action as clients call it: `os-stop`. */
  readonly word: string;
  /** The action as the record of actions has it; `word` unless given. */
  readonly record?: string;
  readonly taskState: TaskState;
  /** What else is written of the server. */
  readonly patch?: (server: Server) => ServerPatch;
  /** What the host is to make of the guest now. */
  readonly guest: (guest: Guest) => Partial<Guest>;
}

/**
 * Asks a server's host for something: the state is checked and changed, and the host's desired guest with it, in one
 * transaction. That it's done is known by the host's report.
 * @throws {NotFound} `compute.server.absent`; {Forbidden} by policy; {Conflict} `compute.server.wrong_state`,
 *   `compute.server.locked`, `compute.server.without_host`.
 */
export async function beginAction(deps: ComputeDeps, ctx: RequestContext, id: string, begin: Begin): Promise<void> {
  const nowMs = deps.clock.now().getTime();
  await inTransaction(deps.db, async (tx) => {
    const server = await getServer(tx, id);
    requireVisible(deps, ctx, server);
    deps.policy.enforce(ctx, begin.rule, { project_id: server.project_id, user_id: server.user_id });
    requireUnlocked(deps, ctx, server);
    requireState(server, begin.action, begin.word);
    const guest = await requireGuest(tx, server);
    const isStill = await swapServer(tx, server, {
      task_state: begin.taskState,
      request_id: ctx.requestId,
      deadline_at: nowMs + ACTION_DEADLINE_MS,
      updated_at: nowMs,
      ...begin.patch?.(server),
    });
    if (!isStill) throw changedMeanwhile(id);
    await updateGuest(tx, guest, { ...begin.guest(guest), updated_at: nowMs });
    await bumpGuests(deps, tx, guest.host_id);
    await writeDown(tx, ctx, { server, begin, hostId: guest.host_id, nowMs });
  });
}

/** @throws {Conflict} `compute.server.without_host`. */
export async function requireGuest(tx: ComputeDeps['db'], server: Pick<Server, 'id'>): Promise<Guest> {
  const guest = await findGuest(tx, server.id);
  if (guest === undefined) throw new Conflict('compute.server.without_host', `Instance ${server.id} is not ready`);
  return guest;
}

export function changedMeanwhile(id: string): Conflict {
  return new Conflict(
    'compute.server.changed',
    `Conflict updating instance ${id}: its state has changed meanwhile; try again.`,
  );
}

async function writeDown(
  tx: ComputeDeps['db'],
  ctx: RequestContext,
  about: { readonly server: Server; readonly begin: Begin; readonly hostId: string; readonly nowMs: number },
): Promise<void> {
  const { server, begin, hostId, nowMs } = about;
  const common = { serverId: server.id, requestId: ctx.requestId, at: nowMs };
  await recordAction(tx, {
    ...common,
    action: begin.record ?? begin.word,
    userId: ctx.userId,
    projectId: ctx.projectId,
  });
  const event = ENDINGS[begin.taskState]?.event;
  if (event !== undefined) await startEvent(tx, { ...common, event, host: hostId });
}
