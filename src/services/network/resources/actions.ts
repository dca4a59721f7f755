import type { RequestContext } from '#kernel/auth/context.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import type { NetworkDeps } from '../deps.ts';
import { scopeOf } from './access.ts';
import { enforceSeen, getItem, targetOf } from './operations.ts';
import { newWrite, type Resource, type WireObject, type Write } from './resource.ts';

/**
 * Does one action on a resource (`PUT /routers/{id}/add_router_interface`): finds it, holds the action's rule, and does it, in one
 * transaction.
 * @throws {NotFound} when the caller may not see it.
 */
export function actOn<Result>(
  deps: NetworkDeps,
  resource: Resource,
  ctx: RequestContext,
  action: { readonly id: string; readonly rule: string },
  work: (write: Write, item: WireObject) => Promise<Result>,
): Promise<Result> {
  const scope = scopeOf(deps, ctx);
  return inTransaction(deps.db, async (tx) => {
    const item = await getItem(deps, tx, resource, scope, action.id);
    const target = { ...item, ...(await targetOf(tx, resource, item)) };
    enforceSeen(deps, ctx, resource, target, () => deps.policy.enforce(ctx, action.rule, target));
    return work(newWrite(deps, tx, ctx, scope), item);
  });
}
