import type { RequestContext } from '#kernel/auth/context.ts';
import type { Policy } from '#kernel/auth/policy.ts';
import type { Clock } from '#kernel/clock.ts';
import type { Db } from '#kernel/db/database.ts';
import { Forbidden, NotFound } from '#kernel/errors.ts';
import { HIDDEN } from '../images/access.ts';
import { findNamespace } from './store.ts';
import type { MetadefTables, NamespaceRow } from './tables.ts';

export interface MetadefDeps {
  readonly db: Db<MetadefTables>;
  readonly policy: Policy;
  readonly clock: Clock;
}

/**
 * Finds a namespace that the caller may see.
 * @throws {NotFound} `image.metadef.not_found`.
 */
export async function getNamespace(
  deps: MetadefDeps,
  ctx: RequestContext,
  name: string,
  notFound = `Namespace ${name} not found`,
): Promise<NamespaceRow> {
  const row = await findNamespace(deps.db, name);
  const isVisible =
    row !== undefined &&
    (row.visibility === 'public' ||
      (row.owner !== null && row.owner === ctx.projectId) ||
      deps.policy.allows(ctx, 'context_is_admin'));
  if (!isVisible) throw new NotFound('image.metadef.not_found', notFound);
  return row;
}

/**
 * Holds a rule against a namespace, or against the caller's own project when there is none yet.
 * @throws {Forbidden} `policy.refused`; {NotFound} when the caller may not even see it.
 */
export function enforceMetadef({ policy }: MetadefDeps, ctx: RequestContext, rule: string, row?: NamespaceRow): void {
  const target =
    row === undefined
      ? { project_id: ctx.projectId ?? undefined }
      : { project_id: row.owner ?? undefined, visibility: row.visibility };
  if (policy.allows(ctx, rule, target)) return;
  const isHidden =
    row !== undefined && (rule === 'get_metadef_namespace' || !policy.allows(ctx, 'get_metadef_namespace', target));
  if (isHidden) throw new NotFound('image.metadef.not_found', HIDDEN);
  policy.enforce(ctx, rule, target);
}

/** Nothing of a protected namespace is deleted. @throws {Forbidden} `image.metadef.protected`. */
export function requireUnprotected({ is_protected }: NamespaceRow, what: string): void {
  if (is_protected === 1)
    throw new Forbidden('image.metadef.protected', `Metadata definition ${what} is protected and cannot be deleted.`);
}
