import type { RequestContext } from '#kernel/auth/context.ts';
import type { NetworkDeps } from '../deps.ts';
import type { WireObject } from './resource.ts';
import type { Scope } from './store.ts';

/** What the caller may look at. */
export function scopeOf(deps: NetworkDeps, ctx: RequestContext): Scope {
  return {
    projectId: ctx.projectId,
    isAdmin: deps.policy.allows(ctx, 'context_is_admin') || deps.policy.allows(ctx, 'context_is_advsvc'),
  };
}

/**
 * Holds the operation's rule, and the rules of the attributes that the caller sets, against the target.
 * @param given The attributes set explicitly, with their values: those inside lists and dictionaries have rules as well
 *   (`create_port:fixed_ips:ip_address`).
 * @throws {Forbidden} when one refuses.
 */
export function enforceWrite(
  deps: NetworkDeps,
  ctx: RequestContext,
  rule: string,
  target: Readonly<Record<string, unknown>>,
  given: Readonly<Record<string, unknown>>,
): void {
  deps.policy.enforce(ctx, rule, target);
  for (const [name, value] of Object.entries(given)) {
    enforceKnown(deps, ctx, `${rule}:${name}`, target);
    for (const key of innerKeys(value)) enforceKnown(deps, ctx, `${rule}:${name}:${key}`, target);
  }
}

function enforceKnown(
  deps: NetworkDeps,
  ctx: RequestContext,
  rule: string,
  target: Readonly<Record<string, unknown>>,
): void {
  if (deps.ruleNames.has(rule)) deps.policy.enforce(ctx, rule, target);
}

function innerKeys(value: unknown): Set<string> {
  const parts = Array.isArray(value) ? value : [value];
  return new Set(
    parts.flatMap((part) =>
      typeof part === 'object' && part !== null && !Array.isArray(part) ? Object.keys(part) : [],
    ),
  );
}

/** The resource as the caller may see it, with the attributes he asked for. */
export function present(
  deps: NetworkDeps,
  ctx: RequestContext,
  singular: string,
  item: WireObject,
  fields: readonly string[],
): Readonly<Record<string, unknown>> {
  const shown: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(item)) {
    if (fields.length > 0 && !fields.includes(name)) continue;
    const rule = `get_${singular}:${name}`;
    if (!deps.ruleNames.has(rule) || deps.policy.allows(ctx, rule, item)) shown[name] = value;
  }
  return shown;
}
