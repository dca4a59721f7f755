import type { ProjectId } from '#kernel/ids.ts';
import type { IdentityDeps } from '../deps.ts';
import { findProject } from '../projects/store.ts';
import { findLimit, listRegisteredLimitsOf } from './store.ts';

/** What is limited: a resource as its service names it, such as `image_count_total` of `image`. */
export interface Limited {
  readonly serviceType: string;
  readonly resourceName: string;
  readonly region: string;
}

/**
 * How much a project may have. Its own limit counts before the registered one, a region's before that of all regions; in the
 * two-level model it has no more than its domain either.
 * @returns undefined where nothing is registered; -1 for no limit.
 * @see https://docs.openstack.org/keystone/latest/admin/unified-limits.html
 */
export async function readEffectiveLimit(
  deps: Pick<IdentityDeps, 'db' | 'config'>,
  projectId: ProjectId,
  limited: Limited,
): Promise<number | undefined> {
  const [registered] = await listRegisteredLimitsOf(deps.db, limited);
  if (registered === undefined) return undefined;
  const own = (await findLimit(deps.db, projectId, registered.id))?.resource_limit ?? registered.default_limit;
  if (deps.config.limitModel !== 'strict_two_level') return own;
  const domainId = (await findProject(deps.db, projectId))?.domain_id ?? '';
  const above = (await findLimit(deps.db, domainId, registered.id))?.resource_limit ?? registered.default_limit;
  return above === -1 ? own : own === -1 ? above : Math.min(own, above);
}
