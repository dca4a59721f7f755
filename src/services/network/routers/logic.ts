import { fromJson, toBit, toJson } from '#kernel/db/json.ts';
import { badResource, conflict } from '../errors.ts';
import { ensureRouterHost, releaseRouterHost } from '../hosts/schedule.ts';
import { touchRouters } from '../hosts/touch.ts';
import type { Changes, NewValues } from '../resources/attributes.ts';
import { newRow, type Write } from '../resources/resource.ts';
import { deleteAttachments, touchRow } from '../resources/store.ts';
import { shown } from '../resources/types.ts';
import { checkZoneHints } from '../zones.ts';
import { clearGateway, setGateway } from './gateway.ts';
import { checkRoutes, readRoutes } from './routes-check.ts';
import type { routerAttributes } from './schema.ts';
import { deleteRouterRow, getRouter, insertRouter, listInterfaceSubnets, updateRouterRow } from './store.ts';
import type { RouterRow } from './tables.ts';

type New = NewValues<typeof routerAttributes> & { readonly project_id: string };
type Update = Changes<typeof routerAttributes>;

export async function createRouter(write: Write, values: New): Promise<string> {
  checkZoneHints(write.deps, values.availability_zone_hints);
  const row: RouterRow = {
    ...newRow(write, values),
    name: values.name,
    admin_state_up: toBit(values.admin_state_up),
    status: 'ACTIVE',
    gateway_port_id: null,
    enable_snat: 1,
    routes: toJson([]),
    availability_zone_hints: toJson([...values.availability_zone_hints]),
    flavor_id: null,
    host_id: null,
  };
  await insertRouter(write.tx, row);
  if (values.external_gateway_info) await setGateway(write, row, values.external_gateway_info);
  return row.id;
}

/** @throws {Conflict} when floating IPs need the gateway that would change. */
export async function updateRouter(write: Write, id: string, changes: Update): Promise<void> {
  const row = await getRouter(write.tx, id);
  const { external_gateway_info: gateway } = changes;
  if (gateway === null) await clearGateway(write, row);
  else if (gateway !== undefined) await setGateway(write, row, gateway);
  if (changes.routes !== undefined) await setRoutes(write, id, readRoutes(changes.routes));
  await updateRouterRow(write.tx, id, {
    ...(changes.name === undefined ? {} : { name: changes.name }),
    ...(changes.description === undefined ? {} : { description: changes.description }),
    ...(changes.admin_state_up === undefined ? {} : { admin_state_up: toBit(changes.admin_state_up) }),
  });
  await finishChange(write, id);
}

/** @throws {Conflict} `RouterInUse` while it has interfaces. */
export async function deleteRouter(write: Write, id: string): Promise<void> {
  const row = await getRouter(write.tx, id);
  const interfaces = await listInterfaceSubnets(write.tx, id);
  if (interfaces.some((each) => each.device_owner === 'network:router_interface'))
    throw conflict('RouterInUse', `Router ${id} still has ports`);
  await touchRouters(write, [id]);
  await clearGateway(write, row);
  await deleteAttachments(write.tx, id);
  await deleteRouterRow(write.tx, id);
}

/** Adds static routes, or takes some away; those that are there or gone already are fine. */
export async function changeExtraRoutes(
  write: Write,
  id: string,
  verb: 'add' | 'remove',
  given: readonly { readonly destination?: string | undefined; readonly nexthop?: string | undefined }[],
): Promise<void> {
  const current = fromJson((await getRouter(write.tx, id)).routes);
  const changed = readRoutes(given);
  const isSame = (a: { destination: string; nexthop: string }, b: { destination: string; nexthop: string }): boolean =>
    a.destination === b.destination && a.nexthop === b.nexthop;
  const routes =
    verb === 'add'
      ? [...current, ...changed.filter((route) => !current.some((other) => isSame(other, route)))]
      : current.filter((route) => !changed.some((other) => isSame(other, route)));
  await setRoutes(write, id, routes);
  await finishChange(write, id);
}

async function setRoutes(write: Write, id: string, routes: ReturnType<typeof readRoutes>): Promise<void> {
  checkRoutes(id, routes, await listInterfaceSubnets(write.tx, id));
  await updateRouterRow(write.tx, id, { routes: toJson(routes) });
}

/** What follows each change of a router: its revision, its host, and word to that host. */
export async function finishChange(write: Write, id: string): Promise<void> {
  await touchRow(write.tx, 'routers', id, write.deps.clock.now().getTime());
  const interfaces = await listInterfaceSubnets(write.tx, id);
  if (interfaces.length > 0) await ensureRouterHost(write, id);
  else await releaseRouterHost(write, id);
  await touchRouters(write, [id]);
}

/** @throws {BadRequest} unless the body names a subnet, a port, or for a removal both. */
export function checkInterfaceBody(
  body: Readonly<Record<string, unknown>> | undefined,
  isRemoval: boolean,
): { readonly portId: string | undefined; readonly subnetId: string | undefined } {
  const { port_id: portId, subnet_id: subnetId } = body ?? {};
  if (portId === undefined && subnetId === undefined)
    throw badResource('router', 'Either subnet_id or port_id must be specified');
  for (const id of [portId, subnetId]) {
    if (id !== undefined && (typeof id !== 'string' || !/^[0-9a-f-]{32,36}$/i.test(id)))
      throw badResource('router', `'${shown(id)}' is not a valid UUID`);
  }
  if (!isRemoval && portId !== undefined && subnetId !== undefined)
    throw badResource('router', 'Cannot specify both subnet-id and port-id');
  return { portId: portId as string | undefined, subnetId: subnetId as string | undefined };
}
