/**
 * "Give me a network": a network, a subnet from the default pool and a router to the default external network, made once per project.
 * They are found again by their names, which are neutron's.
 * @see neutron/services/auto_allocate/db.py
 */
import type { RequestContext } from '#kernel/auth/context.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import type { NetworkDeps } from '../deps.ts';
import { badRequest, conflict, forbidden, notFound } from '../errors.ts';
import { createNetwork, deleteNetwork } from '../networks/logic.ts';
import { networkAttributes } from '../networks/schema.ts';
import { findDefaultExternal, networkSource } from '../networks/store.ts';
import type { NetworkRow } from '../networks/tables.ts';
import { checkQuota } from '../quotas/logic.ts';
import { scopeOf } from '../resources/access.ts';
import type { Attributes } from '../resources/attributes.ts';
import { EVERYTHING } from '../resources/query.ts';
import { newWrite, type Write } from '../resources/resource.ts';
import { selectRows, WHOLE_CLOUD } from '../resources/store.ts';
import { addInterfaceBySubnet, removeInterface } from '../routers/interfaces.ts';
import { createRouter, deleteRouter, finishChange } from '../routers/logic.ts';
import { routerAttributes } from '../routers/schema.ts';
import { listInterfaceSubnets, routerSource } from '../routers/store.ts';
import type { RouterRow } from '../routers/tables.ts';
import { findDefaultPool } from '../subnet-pools/store.ts';
import { createSubnet } from '../subnets/logic.ts';
import { subnetAttributes } from '../subnets/schema.ts';

const NETWORK_NAME = 'auto_allocated_network';
const ROUTER_NAME = 'auto_allocated_router';

/** The id of the project's network, made now when it isn't there. */
export async function getTopology(deps: NetworkDeps, ctx: RequestContext, project: string): Promise<string> {
  const projectId = ownProject(deps, ctx, project, 'get_auto_allocated_topology');
  return inTransaction(deps.db, async (tx) => {
    const write = newWrite(deps, tx, ctx, scopeOf(deps, ctx));
    const existing = await findNetworkOf(write, projectId);
    if (existing !== undefined) return existing.id;
    return makeTopology(write, projectId);
  });
}

/** @throws {Conflict} when the cloud lacks what a topology is made of: for `--check-resources`. */
export async function checkRequirements(deps: NetworkDeps, ctx: RequestContext, project: string): Promise<void> {
  ownProject(deps, ctx, project, 'get_auto_allocated_topology');
  await findRequirements(newWrite(deps, deps.db, ctx, WHOLE_CLOUD));
}

/** @throws {NotFound} when there is none. */
export async function deleteTopology(deps: NetworkDeps, ctx: RequestContext, project: string): Promise<void> {
  const projectId = ownProject(deps, ctx, project, 'delete_auto_allocated_topology');
  await inTransaction(deps.db, async (tx) => {
    const write = newWrite(deps, tx, ctx, scopeOf(deps, ctx));
    const network = await findNetworkOf(write, projectId);
    if (network === undefined)
      throw notFound('AutoAllocatedTopologyNotFound', `No auto allocated topology for project ${projectId}.`);
    for (const router of await findRoutersOf(write, projectId)) {
      const interfaces = (await listInterfaceSubnets(tx, router.id)).filter(
        (each) => each.device_owner === 'network:router_interface',
      );
      for (const { subnet_id } of interfaces)
        await removeInterface(write, router.id, { portId: undefined, subnetId: subnet_id });
      await deleteRouter(write, router.id);
    }
    await deleteNetwork(write, network.id);
  });
}

async function makeTopology(write: Write, projectId: string): Promise<string> {
  const { deps, tx } = write;
  const { external, pools } = await findRequirements(write);
  await checkQuota(deps, tx, projectId, 'network', 'networks');
  const networkId = await createNetwork(write, {
    ...defaultsOf(networkAttributes),
    name: NETWORK_NAME,
    project_id: projectId,
  });
  await checkQuota(deps, tx, projectId, 'router', 'routers');
  const gateway = { network_id: external.id };
  const routerId = await createRouter(write, {
    ...defaultsOf(routerAttributes),
    name: ROUTER_NAME,
    project_id: projectId,
    external_gateway_info: gateway,
  });
  for (const pool of pools) {
    await checkQuota(deps, tx, projectId, 'subnet', 'subnets');
    const subnetId = await createSubnet(write, {
      ...defaultsOf(subnetAttributes),
      name: `auto_allocated_subnet_v${pool.ip_version}`,
      project_id: projectId,
      network_id: networkId,
      subnetpool_id: pool.id,
      ip_version: pool.ip_version,
    });
    await addInterfaceBySubnet(write, routerId, subnetId);
  }
  await finishChange(write, routerId);
  return networkId;
}

async function findRequirements(write: Write) {
  const external = await findDefaultExternal(write.tx);
  const pools = [await findDefaultPool(write.tx, 4), await findDefaultPool(write.tx, 6)].filter(
    (pool) => pool !== undefined,
  );
  const missing = [
    ...(external === undefined ? ['No default router:external network'] : []),
    ...(pools.length === 0 ? ['No default subnetpools defined'] : []),
  ];
  if (external === undefined || pools.length === 0)
    throw conflict(
      'AutoAllocationFailure',
      `Deployment error: ${missing.join('; ')}. An administrator makes them with 'openstack network set --default --external' and 'openstack subnet pool create --default'.`,
    );
  return { external, pools };
}

async function findNetworkOf(write: Write, projectId: string): Promise<NetworkRow | undefined> {
  const query = { ...EVERYTHING, filters: { project_id: [projectId], name: [NETWORK_NAME] } };
  return (await selectRows<NetworkRow>(write.tx, networkSource, WHOLE_CLOUD, query))[0];
}

function findRoutersOf(write: Write, projectId: string): Promise<RouterRow[]> {
  const query = { ...EVERYTHING, filters: { project_id: [projectId], name: [ROUTER_NAME] } };
  return selectRows<RouterRow>(write.tx, routerSource, WHOLE_CLOUD, query);
}

function ownProject(deps: NetworkDeps, ctx: RequestContext, project: string, rule: string): string {
  const projectId = project === 'None' || project === 'null' ? (ctx.projectId ?? '') : project;
  if (projectId === '') throw badRequest('AutoAllocationFailure', 'A project is needed: use a token of one.');
  if (projectId !== ctx.projectId && !deps.policy.allows(ctx, 'context_is_admin'))
    throw forbidden('NotAuthorized', 'Not authorized.');
  deps.policy.enforce(ctx, rule, { project_id: projectId });
  return projectId;
}

type Defaults<A extends Attributes> = {
  [K in keyof A as A[K] extends { default: unknown } ? K : never]: A[K] extends { default: infer D } ? D : never;
};

/** The values that a POST without them would have. */
function defaultsOf<A extends Attributes>(attributes: A): Defaults<A> {
  return Object.fromEntries(
    Object.entries(attributes).flatMap(([name, attribute]) =>
      'default' in attribute ? [[name, attribute.default]] : [],
    ),
  ) as Defaults<A>;
}
