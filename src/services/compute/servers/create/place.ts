import type { RequestContext } from '#kernel/auth/context.ts';
import { badInput } from '../../bad-input.ts';
import type { ComputeDeps } from '../../deps.ts';
import { findHostByName } from '../../hosts/store.ts';
import { compute } from '../../microversions.ts';
import { requireZone } from '../scheduler/zones.ts';
import type { CreateRequest } from '../schema.ts';

export interface Place {
  /** Null is anywhere. */
  readonly zone: string | null;
  /** As an administrator asks for. */
  readonly hostId: string | null;
}

/**
 * Reads `zone`, `zone:host`, `zone:host:node` or `zone::node`, and 2.74's host.
 * @throws {BadRequest} `compute.invalid_input` for a zone or host that is not there; {Forbidden} by policy.
 */
export async function readPlace(
  deps: ComputeDeps,
  ctx: RequestContext,
  { server, has }: CreateRequest,
): Promise<Place> {
  const target = { project_id: ctx.projectId, user_id: ctx.userId };
  const [zone, host, node, ...rest] = (server.availability_zone ?? '').split(':');
  if (rest.length > 0) throw badInput('Invalid availability_zone: Unable to parse availability_zone');
  const forced = [host, node].filter((name) => name !== undefined && name !== '');
  if (forced.length > 0) deps.policy.enforce(ctx, 'os_compute_api:servers:create:forced_host', target);
  const asked = [server.host, server.hypervisor_hostname].filter((name) => name !== undefined);
  if (has(compute.createOnHost) && asked.length > 0) {
    deps.policy.enforce(ctx, 'compute:servers:create:requested_destination', target);
    if (forced.length > 0) throw badInput('Unable to specify requested_destination together with forced host or node.');
  }
  const names = [...forced, ...asked];
  let hostId: string | null = null;
  for (const name of names) {
    const found = await findHostByName(deps.db, name ?? '');
    if (found === undefined || (hostId !== null && hostId !== found.id))
      throw badInput(`Compute host ${name} could not be found.`);
    hostId = found.id;
  }
  await requireZone(deps, zone ?? '');
  return { zone: zone === undefined || zone === '' ? null : zone, hostId };
}
