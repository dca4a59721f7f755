import { Type } from 'typebox';
import type { RequestContext } from '#kernel/auth/context.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import type { ComputeDeps } from '../../deps.ts';
import { recordAction } from '../../instance-actions/store.ts';
import { compute } from '../../microversions.ts';
import { openServer } from '../access.ts';
import { removeServer } from '../delete.ts';
import { requireState } from '../states.ts';
import { updateServer } from '../store.ts';
import type { ServerAction } from './action.ts';

const LockInput = Type.Union([
  Type.Object(
    { locked_reason: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })) },
    { additionalProperties: false },
  ),
  Type.Null(),
]);
const ResetStateInput = Type.Object(
  { state: Type.Union([Type.Literal('active'), Type.Literal('error')]) },
  { additionalProperties: false },
);

/** Locks, forced states and forced deletion. */
export const adminActions = (deps: ComputeDeps): ServerAction[] => [
  {
    name: 'lock',
    before: compute.lockedReason,
    run: async ({ ctx }, id) => lock(deps, ctx, id, null),
  },
  {
    name: 'lock',
    since: compute.lockedReason,
    input: LockInput,
    run: async ({ ctx }, id, input: { locked_reason?: string } | null) =>
      lock(deps, ctx, id, input?.locked_reason ?? null),
  },
  { name: 'unlock', run: async ({ ctx }, id) => unlock(deps, ctx, id) },
  {
    name: 'os-resetState',
    input: ResetStateInput,
    async run({ ctx }, id, input: { readonly state: 'active' | 'error' }) {
      const server = await openServer(deps, ctx, id, 'os_compute_api:os-admin-actions:reset_state');
      const updatedAt = deps.clock.now().getTime();
      // A deletion goes on: its tasks, and what they have given back, are no longer to be stopped.
      const taskState = server.task_state === 'deleting' ? server.task_state : null;
      await updateServer(deps.db, id, {
        vm_state: input.state,
        task_state: taskState,
        ...(taskState === null ? { deadline_at: null } : {}),
        updated_at: updatedAt,
      });
      return undefined;
    },
  },
  {
    name: 'forceDelete',
    async run({ ctx }, id) {
      await removeServer(deps, ctx, id, 'os_compute_api:os-deferred-delete:force');
      return undefined;
    },
  },
  {
    name: 'restore',
    async run({ ctx }, id) {
      const server = await openServer(deps, ctx, id, 'os_compute_api:os-deferred-delete:restore');
      requireState(server, 'restore', 'restore');
      return undefined;
    },
  },
];

/** @see nova/compute/api.py, lock: an administrator's lock is not replaced by its owner's. */
async function lock(deps: ComputeDeps, ctx: RequestContext, id: string, reason: string | null): Promise<undefined> {
  const server = await openServer(deps, ctx, id, 'os_compute_api:os-lock-server:lock');
  const isOwner = server.project_id === ctx.projectId;
  if (server.locked_by !== null && isOwner) return undefined;
  await writeLock(deps, ctx, id, { action: 'lock', locked_by: isOwner ? 'owner' : 'admin', locked_reason: reason });
  return undefined;
}

async function unlock(deps: ComputeDeps, ctx: RequestContext, id: string): Promise<undefined> {
  const server = await openServer(deps, ctx, id, 'os_compute_api:os-lock-server:unlock');
  const expected = server.project_id === ctx.projectId ? 'owner' : 'admin';
  if (server.locked_by !== null && server.locked_by !== expected) {
    const target = { project_id: server.project_id, user_id: server.user_id };
    deps.policy.enforce(ctx, 'os_compute_api:os-lock-server:unlock:unlock_override', target);
  }
  await writeLock(deps, ctx, id, { action: 'unlock', locked_by: null, locked_reason: null });
  return undefined;
}

async function writeLock(
  deps: ComputeDeps,
  ctx: RequestContext,
  id: string,
  {
    action,
    ...lockFields
  }: { action: 'lock' | 'unlock'; locked_by: 'owner' | 'admin' | null; locked_reason: string | null },
): Promise<void> {
  const at = deps.clock.now().getTime();
  await inTransaction(deps.db, async (tx) => {
    await updateServer(tx, id, { ...lockFields, updated_at: at });
    const { requestId, userId, projectId } = ctx;
    await recordAction(tx, { serverId: id, requestId, action, userId, projectId, at });
  });
}
