/**
 * Plugging interfaces into a server and out of it.
 *
 * Theory of operation. A port is made, and handed to the guest, in one transaction that has seen the server alive: no deletion falls
 * between, and no controller dies half way. A port that is to go leaves the desired guest first; when the host says that the guest has let
 * go of it, a task gives it back to network.
 */
import { type RequestContext, systemContext } from '#kernel/auth/context.ts';
import type { Db } from '#kernel/db/database.ts';
import { fromJson, toJson } from '#kernel/db/json.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { BadRequest, Conflict, NotFound } from '#kernel/errors.ts';
import type { ComputeDeps } from '../../deps.ts';
import { finishEvent, recordAction } from '../../instance-actions/store.ts';
import type { ServerPort } from '../../peers.ts';
import { openServer, requireUnlocked } from '../access.ts';
import { requireGuest } from '../actions/begin.ts';
import { planPort } from '../create/networks.ts';
import { refreshPorts } from '../guests/refresh.ts';
import { bumpGuests } from '../guests/revision.ts';
import { findGuest, updateGuest } from '../guests/store.ts';
import { zoneOf } from '../scheduler/zones.ts';
import { requireState } from '../states.ts';
import { getServer, type Server, updateServer } from '../store.ts';
import type { PlannedPort } from '../tables.ts';
import type { AttachInput } from './schema.ts';

/** An interface with the tag under which its user knows it. */
export interface Attachment {
  readonly port: ServerPort;
  readonly tag: string | null;
}

/** A server's interfaces, in their order. @throws {NotFound} `compute.server.absent`. */
export async function listInterfaces(
  deps: ComputeDeps,
  ctx: RequestContext,
  id: string,
  rule: 'list' | 'show',
): Promise<Attachment[]> {
  const server = await openServer(deps, ctx, id, `os_compute_api:os-attach-interfaces:${rule}`);
  const guest = await findGuest(deps.db, id);
  const tags = new Map(fromJson(server.ports).map((port) => [port.portId, port.tag]));
  const ports = guest === undefined ? [] : fromJson(guest.ports);
  return ports.map((port) => ({ port, tag: tags.get(port.portId) ?? null }));
}

/** @throws {NotFound} `compute.interface.absent`. */
export async function getInterface(
  deps: ComputeDeps,
  ctx: RequestContext,
  id: string,
  portId: string,
): Promise<Attachment> {
  const found = (await listInterfaces(deps, ctx, id, 'show')).find(({ port }) => port.portId === portId);
  if (found === undefined)
    throw new NotFound('compute.interface.absent', `Instance ${id} does not have a port with id ${portId}`);
  return found;
}

/**
 * Gives a server one more interface.
 * @throws {BadRequest}, {Conflict} in network's words; {Conflict} `compute.server.wrong_state`.
 * @see https://docs.openstack.org/api-ref/compute/#create-interface
 */
export async function attachInterface(
  deps: ComputeDeps,
  ctx: RequestContext,
  id: string,
  input: AttachInput,
): Promise<Attachment> {
  const server = await openServer(deps, ctx, id, 'os_compute_api:os-attach-interfaces:create');
  const { net_id: networkId, port_id: portId, fixed_ips: fixedIps, tag } = input;
  if (networkId !== undefined && portId !== undefined)
    throw new BadRequest('compute.invalid_input', 'Must not input both network_id and port_id');
  if (fixedIps !== undefined && networkId === undefined)
    throw new BadRequest('compute.invalid_input', 'Must input network_id when request IP address');
  requireUnlocked(deps, ctx, server);
  requireState(server, 'attach_interface', 'attach_interface');
  const isAny = networkId === undefined && portId === undefined;
  const requested = isAny ? [] : [{ networkId, portId, fixedIp: fixedIps?.[0]?.ip_address, tag }];
  const [network] = await deps.network.resolveServerNetworks(ctx, requested, { count: 1 });
  if (network === undefined) throw new BadRequest('compute.interface.no_network', 'There is no network to attach to.');
  const planned = planPort({ ...network, tag: tag ?? null });
  const { host_id: hostId } = await requireGuest(deps.db, server);
  const zone = await zoneOf(deps, hostId);
  await inTransaction(deps.db, async (tx) => {
    const now = await getServer(tx, id);
    requireState(now, 'attach_interface', 'attach_interface');
    const guest = await requireGuest(tx, now);
    const plan = [...fromJson(now.ports), planned];
    await updateServer(tx, id, { ports: toJson(plan), updated_at: deps.clock.now().getTime() });
    await makePort(deps, tx, now, { planned, hostId: guest.host_id, zone });
    await refreshPorts(deps, tx, id);
  });
  await noteAction(deps, ctx, id, { action: 'attach_interface', hostId });
  const attached = (await listInterfaces(deps, ctx, id, 'list')).find(({ port }) => port.portId === planned.portId);
  if (attached === undefined)
    throw new Conflict('compute.interface.gone', `Port ${planned.portId} was detached meanwhile.`);
  return attached;
}

async function makePort(
  deps: ComputeDeps,
  tx: ComputeDeps['db'],
  server: Server,
  { planned: port, hostId, zone }: { readonly planned: PlannedPort; readonly hostId: string; readonly zone: string },
): Promise<void> {
  const ctx = { ...systemContext(server.project_id), userId: server.user_id };
  const spec = {
    portId: port.portId,
    networkId: port.networkId,
    fixedIp: port.fixedIp ?? undefined,
    securityGroupIds: fromJson(server.security_group_ids),
    serverId: server.id,
    hostId,
    zone,
    isUserPort: port.isUserPort,
  };
  await deps.network.ensureServerPort(ctx, spec, tx as Db);
}

/**
 * Takes an interface out of a server; returns before the guest has let go of it.
 * @throws {NotFound} `compute.interface.absent`; {Conflict} `compute.server.wrong_state`.
 */
export async function detachInterface(
  deps: ComputeDeps,
  ctx: RequestContext,
  id: string,
  portId: string,
): Promise<void> {
  const nowMs = deps.clock.now().getTime();
  const before = await openServer(deps, ctx, id, 'os_compute_api:os-attach-interfaces:delete');
  requireUnlocked(deps, ctx, before);
  requireState(before, 'detach_interface', 'detach_interface');
  const hostId = await inTransaction(deps.db, async (tx) => {
    const server = await getServer(tx, id);
    const guest = await requireGuest(tx, server);
    const ports = fromJson(guest.ports);
    if (!ports.some((port) => port.portId === portId))
      throw new NotFound('compute.interface.absent', `Port id ${portId} could not be found.`);
    const revision = await bumpGuests(deps, tx, guest.host_id);
    await updateGuest(tx, guest, {
      ports: toJson(ports.filter((port) => port.portId !== portId)),
      detaching: toJson([...fromJson(guest.detaching), { portId, revision }]),
    });
    const plan = fromJson(server.ports).filter((port) => port.portId !== portId);
    await updateServer(tx, id, { ports: toJson(plan), updated_at: nowMs });
    return guest.host_id;
  });
  await noteAction(deps, ctx, id, { action: 'detach_interface', hostId });
}

async function noteAction(
  deps: ComputeDeps,
  ctx: RequestContext,
  serverId: string,
  { action, hostId }: { readonly action: 'attach_interface' | 'detach_interface'; readonly hostId: string },
): Promise<void> {
  const { requestId, userId, projectId } = ctx;
  const at = deps.clock.now().getTime();
  await inTransaction(deps.db, async (tx) => {
    await recordAction(tx, { serverId, requestId, action, userId, projectId, at });
    await finishEvent(tx, { serverId, requestId, event: `compute_${action}`, host: hostId, at });
  });
}
