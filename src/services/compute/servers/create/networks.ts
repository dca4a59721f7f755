import type { RequestContext } from '#kernel/auth/context.ts';
import { newUuid } from '#kernel/ids.ts';
import { badInput } from '../../bad-input.ts';
import type { ComputeDeps } from '../../deps.ts';
import { compute } from '../../microversions.ts';
import type { ServerNetwork } from '../../peers.ts';
import type { CreateRequest, ServerInput } from '../schema.ts';
import type { PlannedPort } from '../tables.ts';

/**
 * The interfaces that a server is to have, as far as network finds them possible.
 * @throws {BadRequest} `compute.invalid_input`, or in network's words; {Forbidden} by policy.
 */
export async function readNetworks(
  deps: ComputeDeps,
  ctx: RequestContext,
  { server, has }: CreateRequest,
  count: { readonly max: number },
): Promise<readonly ServerNetwork[]> {
  const { networks } = server;
  if (networks === undefined && has(compute.autoNetwork))
    throw badInput("Invalid input for field/attribute server. 'networks' is a required property");
  if (typeof networks === 'string') return deps.network.resolveServerNetworks(ctx, networks, { count: count.max });
  const items = networks ?? [];
  if (items.length > 0)
    deps.policy.enforce(ctx, 'os_compute_api:servers:create:attach_network', { project_id: ctx.projectId });
  for (const item of items) requireNetworkItem(item, { has, isMany: count.max > 1 });
  const requested = items.map((item) => ({
    networkId: item.uuid,
    portId: item.port ?? undefined,
    fixedIp: item.fixed_ip,
    tag: item.tag,
  }));
  return deps.network.resolveServerNetworks(ctx, requested, { count: count.max });
}

type NetworkItem = Exclude<ServerInput['networks'], string | undefined>[number];

function requireNetworkItem(
  item: NetworkItem,
  { has, isMany }: { has(feature: string): boolean; readonly isMany: boolean },
): void {
  if (item.tag !== undefined && has(compute.autoNetwork) && !has(compute.deviceTagsAgain))
    throw badInput(
      "Invalid input for field/attribute networks. Additional properties are not allowed ('tag' was unexpected)",
    );
  const hasPort = item.port !== undefined && item.port !== null;
  if (!hasPort && item.uuid === undefined) throw badInput('Bad networks format: missing uuid');
  if (item.uuid !== undefined && !/^[0-9a-f-]{32,36}$/i.test(item.uuid))
    throw badInput(`Bad networks format: network uuid is not in proper format (${item.uuid})`);
  if (hasPort && item.fixed_ip !== undefined)
    throw badInput(
      `Specified Fixed IP '${item.fixed_ip}' cannot be used with port '${item.port}': the two cannot be specified together.`,
    );
  if (hasPort && isMany)
    throw badInput(
      'Failed to launch instances: Unable to launch multiple instances with a single configured port ID. Please launch your instance one by one with different ports.',
    );
  if (item.fixed_ip !== undefined && isMany)
    throw badInput('Failed to launch instances: Invalid fixed IP and max count: a fixed address is for one server.');
}

/** A port of the user's, or the id that the one to be made will have. */
export function planPort(network: ServerNetwork): PlannedPort {
  const given = network.portId ?? null;
  return {
    portId: given ?? newUuid(),
    networkId: network.networkId,
    fixedIp: network.fixedIp ?? null,
    tag: network.tag ?? null,
    isUserPort: given !== null,
  };
}
