/**
 * Rebuilding: the same server with new disks.
 *
 * Theory of operation. The guest's disks get a new generation, and the guest a hard reboot: its host makes the disks anew
 * before it starts the guest. A server that is off stays off, with nothing to wait for: its disks are made when it is started.
 * Ports, claim and host stay.
 */

import { type ApiRequest, Reply } from '#kernel/api/route.ts';
import type { RequestContext } from '#kernel/auth/context.ts';
import type { Db } from '#kernel/db/database.ts';
import { fromJson, toJson } from '#kernel/db/json.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { Forbidden } from '#kernel/errors.ts';
import { badInput } from '../../bad-input.ts';
import type { ComputeDeps } from '../../deps.ts';
import { finishEvent, recordAction, startEvent } from '../../instance-actions/store.ts';
import { findKeyPair } from '../../key-pairs/store.ts';
import { compute } from '../../microversions.ts';
import type { BootImage } from '../../peers.ts';
import { requireMetadataFit } from '../../quotas/check.ts';
import { rootOf } from '../../roots.ts';
import { requireUnlocked, requireVisible } from '../access.ts';
import { newPassword } from '../admin-password.ts';
import { findBootImage, requireFitFlavor, snapshotImage } from '../boot-image.ts';
import { bumpGuests } from '../guests/revision.ts';
import { updateGuest } from '../guests/store.ts';
import { refusePersonality } from '../personality.ts';
import { updatedView } from '../routes.ts';
import { resourcesOf, traitsOf } from '../scheduler/schedule.ts';
import { accessAddress, RebuildInput } from '../schema.ts';
import { requireState } from '../states.ts';
import { getServer, type Server, type ServerPatch, swapServer } from '../store.ts';
import type { ServerAction } from './action.ts';
import { changedMeanwhile, requireGuest } from './begin.ts';

/** As for a build. */
const REBUILD_DEADLINE_MS = 30 * 60_000;
export const REBUILD_EVENT = 'compute_rebuild_instance';

/** @see https://docs.openstack.org/api-ref/compute/#rebuild-server-rebuild-action */
export const rebuildAction = (deps: ComputeDeps): ServerAction => ({
  name: 'rebuild',
  input: RebuildInput,
  async run(request, id, input: RebuildInput) {
    const adminPass = await rebuildServer(deps, request.ctx, id, input);
    // What it's rebuilt with is shown by its plain name, where it's shown.
    const { 'OS-EXT-SRV-ATTR:user_data': _userData, ...server } = await updatedView(deps, request, id);
    return new Reply({
      status: 202,
      headers: { location: `${rootOf(request)}/servers/${id}` },
      body: { server: { ...server, ...(await newerFields(deps, request, id)), adminPass } },
    });
  },
});

/** What a rebuild may change, and shows since it may. */
async function newerFields(deps: ComputeDeps, { has }: ApiRequest, id: string): Promise<Record<string, unknown>> {
  const server = await getServer(deps.db, id);
  return {
    ...(has(compute.rebuildKeyPair) ? { key_name: server.key_name } : {}),
    ...(has(compute.noPersonality) ? { user_data: server.user_data } : {}),
  };
}

/** @returns the password of the rebuilt guest. */
async function rebuildServer(deps: ComputeDeps, ctx: RequestContext, id: string, input: RebuildInput): Promise<string> {
  const before = await getServer(deps.db, id);
  requireVisible(deps, ctx, before);
  const target = { project_id: before.project_id, user_id: before.user_id };
  deps.policy.enforce(ctx, 'os_compute_api:servers:rebuild', target);
  if (input.trusted_image_certificates != null)
    deps.policy.enforce(ctx, 'os_compute_api:servers:rebuild:trusted_certs', target);
  requireUnlocked(deps, ctx, before);
  refusePersonality(input);
  requireState(before, 'rebuild', 'rebuild');
  const image = await findBootImage(deps, ctx, input.imageRef);
  requireFitFlavor(deps, ctx, fromJson(before.flavor), image);
  await requireHostFit(deps, before, image);
  await requireMetadataFit(deps.db, before.project_id, input.metadata ?? {});
  const keyPatch = await readKeyPatch(deps, ctx, before, input);
  const adminPassword = input.adminPass ?? newPassword();
  const nowMs = deps.clock.now().getTime();
  await inTransaction(deps.db, async (tx) => {
    const server = await getServer(tx, id);
    requireState(server, 'rebuild', 'rebuild');
    const guest = await requireGuest(tx, server);
    const isOff = server.vm_state === 'stopped';
    const isStill = await swapServer(tx, server, {
      ...patchOf(input),
      ...keyPatch,
      image: toJson(snapshotImage(image)),
      image_id: image.id,
      task_state: isOff ? null : 'rebuild_spawning',
      fault: null,
      request_id: ctx.requestId,
      deadline_at: isOff ? null : nowMs + REBUILD_DEADLINE_MS,
      updated_at: nowMs,
    });
    if (!isStill) throw changedMeanwhile(id);
    await updateGuest(tx, guest, {
      disk_generation: guest.disk_generation + 1,
      boot_image: null,
      admin_password: adminPassword,
      ...(isOff
        ? {}
        : {
            power: 'running',
            power_serial: guest.power_serial + 1,
            reboot_serial: guest.reboot_serial + 1,
            reboot_type: 'hard',
          }),
    });
    await bumpGuests(deps, tx, guest.host_id);
    const { requestId, userId, projectId } = ctx;
    await recordAction(tx, { serverId: id, requestId, action: 'rebuild', userId, projectId, at: nowMs });
    const event = { serverId: id, requestId, event: REBUILD_EVENT, host: guest.host_id, at: nowMs };
    await (isOff ? finishEvent(tx, event) : startEvent(tx, event));
  });
  return adminPassword;
}

/**
 * A server does not get past the scheduler by being rebuilt: its host must have what the new image asks for.
 * @throws {BadRequest} in the words of a scheduler that finds no host.
 */
async function requireHostFit(deps: ComputeDeps, server: Server, image: BootImage): Promise<void> {
  const flavor = fromJson(server.flavor);
  const { required, forbidden } = traitsOf(flavor, image.properties);
  if (server.host_id === null || (required.length === 0 && forbidden.length === 0)) return;
  const [host] = await deps.placement.listCandidates(deps.db as Db, {
    resources: resourcesOf(flavor),
    requiredTraits: required,
    forbiddenTraits: forbidden,
    providerIds: [server.host_id],
  });
  const lacks = (host?.lacking ?? []).flatMap((lack) => ('trait' in lack ? [lack.trait] : []));
  if (lacks.length > 0)
    throw badInput(`No valid host was found. The server's host is not fit for image ${image.id}: ${lacks.join(', ')}.`);
}

function patchOf(input: RebuildInput): ServerPatch {
  return {
    ...(input.name === undefined ? {} : { name: input.name.trim() }),
    ...(input.description === undefined ? {} : { description: input.description }),
    ...(input.metadata === undefined ? {} : { metadata: toJson(input.metadata) }),
    ...(input.hostname === undefined ? {} : { hostname: input.hostname }),
    ...(input.user_data === undefined ? {} : { user_data: input.user_data }),
    ...(input.accessIPv4 === undefined ? {} : { access_ip_v4: accessAddress(input.accessIPv4) }),
    ...(input.accessIPv6 === undefined ? {} : { access_ip_v6: accessAddress(input.accessIPv6) }),
    ...(input['OS-DCF:diskConfig'] === undefined ? {} : { disk_config: input['OS-DCF:diskConfig'] }),
    ...(input.trusted_image_certificates === undefined
      ? {}
      : {
          trusted_certs: input.trusted_image_certificates === null ? null : toJson(input.trusted_image_certificates),
        }),
  };
}

/** Only the user who made the server has the keys to change. @see nova/api/openstack/compute/servers.py, _action_rebuild */
async function readKeyPatch(
  deps: ComputeDeps,
  ctx: RequestContext,
  server: Server,
  { key_name: name }: RebuildInput,
): Promise<ServerPatch> {
  if (name === undefined) return {};
  if (name === null) return { key_name: null, key_pair: null };
  const found = await findKeyPair(deps.db, server.user_id, name);
  if (found === undefined) throw badInput('Invalid key_name provided.');
  if (ctx.userId !== server.user_id)
    throw new Forbidden('policy.refused', "Only the server's own user may change its key pair.");
  return { key_name: name, key_pair: toJson({ name: found.name, type: found.type, data: found.public_key }) };
}
