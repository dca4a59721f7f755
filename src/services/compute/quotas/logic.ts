import type { RequestContext } from '#kernel/auth/context.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { BadRequest } from '#kernel/errors.ts';
import type { ComputeDeps } from '../deps.ts';
import { isTrue } from '../fields.ts';
import { checkProject } from '../projects.ts';
import { DEFAULT_CLASS, limitsOf } from './check.ts';
import {
  DEFAULT_LIMITS,
  type Limits,
  QUOTA_RESOURCES,
  type QuotaResource,
  UNLIMITED,
  type Usage,
} from './resources.ts';
import type { QuotaClassUpdate, QuotaSetUpdate } from './schema.ts';
import { deleteLimits, listSetLimits, lockQuota, setLimits, sumUserLimits } from './store.ts';
import { usageOf } from './usage.ts';

type Deps = Pick<ComputeDeps, 'db' | 'policy' | 'identity'>;

interface Owner {
  readonly projectId: string;
  /** Undefined for the project as a whole. */
  readonly userId: string | undefined;
}

/** @throws {BadRequest} `compute.project.absent`; {Forbidden} for others' projects */
export async function showLimits(deps: Deps, ctx: RequestContext, { projectId, userId }: Owner): Promise<Limits> {
  deps.policy.enforce(ctx, 'os_compute_api:os-quota-sets:show', { project_id: projectId });
  await checkProject(deps, projectId);
  return limitsOf(deps.db, projectId, userId);
}

/** @throws {BadRequest} `compute.project.absent`; {Forbidden} for others' projects */
export async function showLimitsAndUsage(
  deps: Deps,
  ctx: RequestContext,
  { projectId, userId }: Owner,
): Promise<{ limits: Limits; usage: Usage }> {
  deps.policy.enforce(ctx, 'os_compute_api:os-quota-sets:detail', { project_id: projectId });
  await checkProject(deps, projectId);
  return {
    limits: await limitsOf(deps.db, projectId, userId),
    usage: await usageOf(deps.db, projectId, userId),
  };
}

/** The limits of a project for which nobody has set any. @throws {BadRequest} `compute.project.absent` */
export async function showDefaultLimits(deps: Deps, projectId: string): Promise<Limits> {
  await checkProject(deps, projectId);
  return limitsOf(deps.db, '');
}

/**
 * Sets limits, each of which must fit what is in use and what the project's users have been given, unless forced.
 * @throws {BadRequest} `compute.quota.limit`, `compute.project.absent`
 */
export async function changeLimits(
  deps: Deps,
  ctx: RequestContext,
  owner: Owner,
  wanted: QuotaSetUpdate,
): Promise<Limits> {
  deps.policy.enforce(ctx, 'os_compute_api:os-quota-sets:update', { project_id: owner.projectId });
  await checkProject(deps, owner.projectId);
  if ('networks' in wanted) throw new BadRequest('compute.quota.networks', 'The networks quota has been removed');
  return inTransaction(deps.db, async (tx) => {
    await lockQuota(tx, owner.projectId);
    const limits = readLimits(wanted);
    if (!isTrue(wanted.force)) await checkLimits({ ...deps, db: tx }, owner, limits);
    await setLimits(tx, owner.projectId, owner.userId ?? '', limits);
    return limitsOf(tx, owner.projectId, owner.userId);
  });
}

function readLimits(wanted: Readonly<Record<string, unknown>>): Partial<Record<QuotaResource, number>> {
  const given = QUOTA_RESOURCES.filter((name) => wanted[name] !== undefined);
  return Object.fromEntries(
    given.map((name) => {
      const limit = Number(wanted[name]);
      if (limit > 0x7fff_ffff)
        throw new BadRequest(
          'compute.invalid_input',
          `Invalid input for field/attribute ${name}. Value: ${limit}. ${limit} is greater than the maximum of 2147483647`,
        );
      return [name, limit];
    }),
  );
}

/** @see nova/quota.py, get_settable_quotas */
async function checkLimits(
  { db }: Deps,
  { projectId, userId }: Owner,
  wanted: Readonly<Partial<Record<QuotaResource, number>>>,
): Promise<void> {
  const limits = await limitsOf(db, projectId);
  const usage = await usageOf(db, projectId, userId);
  const given = await sumUserLimits(db, projectId);
  const own = userId === undefined ? {} : await listSetLimits(db, projectId, userId);
  for (const [name, limit] of Object.entries(wanted) as [QuotaResource, number][]) {
    const minimum = userId === undefined ? Math.max(usage[name], given[name] ?? 0) : usage[name];
    const isBounded = userId !== undefined && limits[name] !== UNLIMITED;
    const maximum = isBounded ? limits[name] - (given[name] ?? 0) + (own[name] ?? 0) : UNLIMITED;
    checkLimit(name, limit, minimum, maximum);
  }
}

function checkLimit(name: string, limit: number, minimum: number, maximum: number): void {
  const asNumber = (value: number): number => (value === UNLIMITED ? Number.POSITIVE_INFINITY : value);
  if (asNumber(limit) < minimum) {
    throw new BadRequest(
      'compute.quota.limit',
      `Quota limit ${limit} for ${name} must be greater than or equal to already used and reserved ${minimum}.`,
    );
  }
  if (asNumber(limit) > asNumber(maximum)) {
    throw new BadRequest(
      'compute.quota.limit',
      `Quota limit ${limit} for ${name} must be less than or equal to ${maximum}.`,
    );
  }
}

/** Back to the defaults: for one user, or for the project and all its users. */
export async function resetLimits(deps: Deps, ctx: RequestContext, { projectId, userId }: Owner): Promise<void> {
  deps.policy.enforce(ctx, 'os_compute_api:os-quota-sets:delete', { project_id: projectId });
  await deleteLimits(deps.db, projectId, userId);
}

/** A class of limits by name. Only `default` means something: it stands in for the built-in limits. */
export async function showClassLimits({ db }: Pick<Deps, 'db'>, name: string): Promise<Limits> {
  return { ...DEFAULT_LIMITS, ...(await listSetLimits(db, classKey(name))) };
}

/** @throws {BadRequest} `compute.quota.class_name` */
export async function changeClassLimits(
  deps: Pick<Deps, 'db'>,
  name: string,
  wanted: QuotaClassUpdate,
): Promise<Limits> {
  if (name.length > MAX_CLASS_NAME) {
    throw new BadRequest(
      'compute.quota.class_name',
      `Invalid input received: quota_class_name has ${name.length} characters, more than ${MAX_CLASS_NAME}.`,
    );
  }
  await inTransaction(deps.db, (tx) => setLimits(tx, classKey(name), '', readLimits(wanted)));
  return showClassLimits(deps, name);
}

const MAX_CLASS_NAME = 240;
const classKey = (name: string): string => (name === 'default' ? DEFAULT_CLASS : `class:${name}`);
