import type { RequestContext } from '#kernel/auth/context.ts';
import type { DomainId } from '#kernel/ids.ts';

/** The domain of what is made without naming one: the token's, else the default domain. */
export function domainForNew(ctx: RequestContext, given: DomainId | null | undefined): DomainId {
  return given ?? ctx.domainId ?? 'default';
}

/** The target of rules about lists: a domain's readers see what is in their domain. */
export function listTarget(ctx: RequestContext): Record<string, unknown> {
  return ctx.domainId === null ? {} : { target: { domain_id: ctx.domainId } };
}
