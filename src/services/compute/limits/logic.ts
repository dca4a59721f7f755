import type { RequestContext } from '#kernel/auth/context.ts';
import type { ComputeDeps } from '../deps.ts';
import { limitsOf } from '../quotas/check.ts';
import type { Limits, Usage } from '../quotas/resources.ts';
import { usageOf } from '../quotas/usage.ts';

/** What a project may have and has; another than the caller's for administrators. */
export async function findLimits(
  { db, policy }: Pick<ComputeDeps, 'db' | 'policy'>,
  ctx: RequestContext,
  projectId: string | undefined,
): Promise<{ limits: Limits; usage: Usage }> {
  if (projectId !== undefined) policy.enforce(ctx, 'os_compute_api:limits:other_project');
  const project = projectId ?? ctx.projectId ?? '';
  return { limits: await limitsOf(db, project), usage: await usageOf(db, project) };
}
