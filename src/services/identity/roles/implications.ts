import type { Implication } from './store.ts';
import type { RoleId } from './tables.ts';

/** Roles and all that they imply, each once, the given ones first. Circles do no harm. */
export function expandRoles(roleIds: Iterable<RoleId>, rules: readonly Implication[]): RoleId[] {
  const implied = Map.groupBy(rules, (rule) => rule.prior_role_id);
  const found = new Set(roleIds);
  // A set that grows while it is walked hands out what was added.
  for (const id of found) for (const rule of implied.get(id) ?? []) found.add(rule.implied_role_id);
  return [...found];
}
