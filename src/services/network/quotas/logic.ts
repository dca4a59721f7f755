import type { RequestContext } from '#kernel/auth/context.ts';
import type { Db } from '#kernel/db/database.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import type { NetworkDeps } from '../deps.ts';
import { badBody, forbidden, notFound, overQuota } from '../errors.ts';
import { asObject } from '../resources/body.ts';
import { countOf } from '../resources/store.ts';
import { readInteger, shown } from '../resources/types.ts';
import type { NetworkTables } from '../tables.ts';
import { deleteLimits, findLimit, listAllLimits, listLimits, setLimits } from './store.ts';

type Limits = Readonly<Record<string, number>>;

/** The table whose rows each quota counts. */
const COUNTED = {
  network: 'networks',
  subnet: 'subnets',
  subnetpool: 'subnet_pools',
  port: 'ports',
  router: 'routers',
  floatingip: 'floating_ips',
  security_group: 'security_groups',
  security_group_rule: 'security_group_rules',
  rbac_policy: 'rbac_policies',
  address_group: 'address_groups',
} as const satisfies Readonly<Record<string, keyof NetworkTables>>;

/** neutron's columns are 32 bits wide. */
const MAX_LIMIT = 2_147_483_647;

/**
 * Makes sure that the project may have one more (or `more`), in the transaction that makes it. Things without a project are the
 * cloud's own and free.
 * @throws {OverLimit} `network.over_quota`.
 */
export async function checkQuota(
  deps: NetworkDeps,
  tx: Db<NetworkTables>,
  projectId: string,
  resource: string,
  table: keyof NetworkTables,
  more = 1,
): Promise<void> {
  if (projectId === '') return;
  const limit = (await findLimit(tx, projectId, resource)) ?? deps.options.quotas[resource] ?? -1;
  if (limit >= 0 && (await countOf(tx, table, projectId)) + more > limit) throw overQuota([resource]);
}

/** How many more the project may have; infinite when there is no limit. */
export async function quotaLeft(deps: NetworkDeps, projectId: string, resource: keyof typeof COUNTED): Promise<number> {
  const limit = (await findLimit(deps.db, projectId, resource)) ?? deps.options.quotas[resource] ?? -1;
  return limit < 0 ? Number.POSITIVE_INFINITY : limit - (await countOf(deps.db, COUNTED[resource], projectId));
}

/** The project's limits; others' only for administrators. */
export async function showQuota(deps: NetworkDeps, ctx: RequestContext, projectId: string): Promise<Limits> {
  enforceOwn(deps, ctx, projectId);
  return { ...deps.options.quotas, ...(await listLimits(deps.db, projectId)) };
}

export async function showDefaults(deps: NetworkDeps, ctx: RequestContext, projectId: string): Promise<Limits> {
  enforceOwn(deps, ctx, projectId);
  return deps.options.quotas;
}

/** Limits with what is used of them. */
export async function showDetails(
  deps: NetworkDeps,
  ctx: RequestContext,
  projectId: string,
): Promise<Readonly<Record<string, { readonly limit: number; readonly used: number; readonly reserved: number }>>> {
  const limits = await showQuota(deps, ctx, projectId);
  const details: Record<string, { limit: number; used: number; reserved: number }> = {};
  for (const [resource, table] of Object.entries(COUNTED))
    details[resource] = { limit: limits[resource] ?? -1, used: await countOf(deps.db, table, projectId), reserved: 0 };
  return details;
}

/** Projects whose limits differ from the default. */
export async function listQuotas(
  deps: NetworkDeps,
  ctx: RequestContext,
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  deps.policy.enforce(ctx, 'get_quota');
  const all = await listAllLimits(deps.db);
  return [...all].map(([id, limits]) => ({ ...deps.options.quotas, ...limits, project_id: id, tenant_id: id }));
}

export async function updateQuota(
  deps: NetworkDeps,
  ctx: RequestContext,
  projectId: string,
  body: unknown,
): Promise<Limits> {
  deps.policy.enforce(ctx, 'update_quota');
  const quota = asObject(asObject(body)?.['quota']);
  if (quota === undefined) throw badBody("Unable to find 'quota' in request body");
  const { tenant_id: _tenant, project_id: _project, check_limit: _check, force: _force, ...given } = quota;
  const unknown = Object.keys(given).filter((name) => !Object.hasOwn(COUNTED, name));
  if (unknown.length > 0) throw badBody(`Unrecognized attribute(s) '${unknown.join(', ').slice(0, 200)}'`);
  const limits = Object.fromEntries(Object.entries(given).map(([name, value]) => [name, readLimit(name, value)]));
  await inTransaction(deps.db, (tx) => setLimits(tx, projectId, limits));
  return showQuota(deps, ctx, projectId);
}

/** @throws {NotFound} when the project has none of its own. */
export async function resetQuota(deps: NetworkDeps, ctx: RequestContext, projectId: string): Promise<void> {
  deps.policy.enforce(ctx, 'delete_quota');
  if (!(await inTransaction(deps.db, (tx) => deleteLimits(tx, projectId))))
    throw notFound('TenantQuotaNotFound', `Quota for project ${projectId} could not be found.`);
}

function enforceOwn(deps: NetworkDeps, ctx: RequestContext, projectId: string): void {
  if (projectId === ctx.projectId) return;
  if (!deps.policy.allows(ctx, 'get_quota'))
    throw forbidden(
      'AdminRequired',
      'User does not have admin privileges: Only admin is authorized to access quotas for another project.',
    );
}

function readLimit(name: string, value: unknown): number {
  const refuse = (reason: string): never => {
    throw badBody(`Invalid input for ${name}. Reason: ${reason}.`);
  };
  let limit: number;
  try {
    limit = readInteger(value);
  } catch {
    return refuse(`'${shown(value)}' is not an integer`);
  }
  if (limit < -1) refuse(`'${limit}' is too small - must be at least '-1'`);
  if (limit > MAX_LIMIT) refuse(`'${limit}' is too large - must be no larger than '${MAX_LIMIT}'`);
  return limit;
}
