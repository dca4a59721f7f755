import { Type } from 'typebox';
import type { RequestContext } from '#kernel/auth/context.ts';
import type { Db } from '#kernel/db/database.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { Conflict } from '#kernel/errors.ts';
import { badInput } from '../../bad-input.ts';
import type { ComputeDeps } from '../../deps.ts';
import { Name } from '../../fields.ts';
import { findHostByName } from '../../hosts/store.ts';
import { recordAction } from '../../instance-actions/store.ts';
import { compute } from '../../microversions.ts';
import { openServer, requireUnlocked } from '../access.ts';
import { requireZone, zoneOf } from '../scheduler/zones.ts';
import { requestSnapshot } from '../snapshots/request.ts';
import { requireState } from '../states.ts';
import { getServer, type Server, swapServer } from '../store.ts';
import { beginOffload } from '../tasks/offload.ts';
import { UNSHELVE_DEADLINE_MS, unshelveServerTask } from '../tasks/unshelve.ts';
import type { ServerAction } from './action.ts';
import { changedMeanwhile } from './begin.ts';

const ToZoneInput = Type.Union([
  Type.Object({ availability_zone: Name }, { additionalProperties: false }),
  Type.Null(),
]);
const ToHostInput = Type.Union([
  Type.Object(
    { availability_zone: Type.Optional(Type.Union([Type.String(), Type.Null()])), host: Type.Optional(Type.String()) },
    { additionalProperties: false },
  ),
  Type.Null(),
]);

/** Where an unshelved server is to be. */
interface Destination {
  /** Null: anywhere from now on. Absent: as before. */
  readonly availability_zone?: string | null;
  readonly host?: string;
}

/**
 * Keeping a server as an image, without a host, and bringing it back.
 * @see https://docs.openstack.org/api-ref/compute/#shelve-server-shelve-action
 */
export const shelveActions = (deps: ComputeDeps): ServerAction[] => [
  {
    name: 'shelve',
    async run({ ctx }, id) {
      await requestSnapshot(deps, ctx, id, {
        rule: 'os_compute_api:os-shelve:shelve',
        action: 'shelve',
        word: 'shelve',
        purpose: 'shelve',
        taskState: 'shelving',
        imageName: (name) => `${name}-shelved`,
        properties: {},
        isLockable: true,
        // The host copies the disk once the guest is off.
        guest: (guest) => ({ power: 'stopped', power_serial: guest.power_serial + 1 }),
      });
      return undefined;
    },
  },
  {
    name: 'shelveOffload',
    async run({ ctx }, id) {
      await offload(deps, ctx, id);
      return undefined;
    },
  },
  unshelve(deps, { before: compute.unshelveToZone }),
  unshelve(deps, { since: compute.unshelveToZone, before: compute.unshelveToHost, input: ToZoneInput }),
  unshelve(deps, { since: compute.unshelveToHost, input: ToHostInput }),
];

function unshelve(deps: ComputeDeps, versions: Pick<ServerAction, 'since' | 'before' | 'input'>): ServerAction {
  return {
    name: 'unshelve',
    ...versions,
    async run({ ctx }, id, input: Destination | null) {
      // What came with it before there was a schema meant nothing.
      await beginUnshelve(deps, ctx, id, versions.input === undefined ? {} : (input ?? {}));
      return undefined;
    },
  };
}

/** Servers are offloaded as soon as they are shelved: this is for one that was not. */
async function offload(deps: ComputeDeps, ctx: RequestContext, id: string): Promise<void> {
  const before = await openServer(deps, ctx, id, 'os_compute_api:os-shelve:shelve_offload');
  requireUnlocked(deps, ctx, before);
  await inTransaction(deps.db, async (tx) => {
    const server = await getServer(tx, id);
    requireState(server, 'shelveOffload', 'shelveOffload');
    if (!(await swapServer(tx, server, { request_id: ctx.requestId }))) throw changedMeanwhile(id);
    await record(deps, tx, ctx, { id, action: 'shelveOffload' });
    await beginOffload(deps, tx, { ...server, request_id: ctx.requestId });
  });
}

async function beginUnshelve(deps: ComputeDeps, ctx: RequestContext, id: string, to: Destination): Promise<void> {
  const before = await openServer(deps, ctx, id, 'os_compute_api:os-shelve:unshelve');
  requireUnlocked(deps, ctx, before);
  requireState(before, 'unshelve', 'unshelve');
  const zone = to.availability_zone === undefined ? before.availability_zone : to.availability_zone;
  const hostId = await readDestination(deps, ctx, before, { ...to, zone });
  const nowMs = deps.clock.now().getTime();
  await inTransaction(deps.db, async (tx) => {
    const server = await getServer(tx, id);
    requireState(server, 'unshelve', 'unshelve');
    const isStill = await swapServer(tx, server, {
      task_state: 'unshelving',
      availability_zone: zone,
      fault: null,
      request_id: ctx.requestId,
      deadline_at: nowMs + 2 * UNSHELVE_DEADLINE_MS,
      updated_at: nowMs,
    });
    if (!isStill) throw changedMeanwhile(id);
    await record(deps, tx, ctx, { id, action: 'unshelve' });
    await deps.tasks.enqueue(tx as Db, {
      name: unshelveServerTask,
      resourceId: id,
      projectId: server.project_id,
      requestId: ctx.requestId,
      input: { hostId },
      deadlineMs: UNSHELVE_DEADLINE_MS,
    });
  });
}

/**
 * The host that is asked for; null for any.
 * @throws {BadRequest} for a zone or host that is not there; {Conflict} `compute.unshelve.host_not_in_zone`.
 * @see nova/compute/api.py unshelve
 */
async function readDestination(
  deps: ComputeDeps,
  ctx: RequestContext,
  server: Server,
  { availability_zone: newZone, host: name, zone }: Destination & { readonly zone: string | null },
): Promise<string | null> {
  if (newZone != null) await requireZone(deps, newZone);
  if (name === undefined) return null;
  const target = { project_id: server.project_id, user_id: server.user_id };
  deps.policy.enforce(ctx, 'os_compute_api:os-shelve:unshelve_to_host', target);
  const host = await findHostByName(deps.db, name);
  if (host === undefined) throw badInput(`Compute host ${name} could not be found.`);
  if (zone !== null && (await zoneOf(deps, host.id)) !== zone)
    throw new Conflict(
      'compute.unshelve.host_not_in_zone',
      `Host "${name}" is not in the availability zone "${zone}".`,
    );
  return host.id;
}

async function record(
  deps: ComputeDeps,
  tx: ComputeDeps['db'],
  { requestId, userId, projectId }: RequestContext,
  { id, action }: { readonly id: string; readonly action: string },
): Promise<void> {
  await recordAction(tx, { serverId: id, requestId, action, userId, projectId, at: deps.clock.now().getTime() });
}
