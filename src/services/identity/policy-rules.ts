import type { PolicyRule } from '#kernel/auth/policy.ts';

/**
 * Keystone's default rules. Zed holds a request against the new rule or the one before it, so that an administrator with a
 * project's token may do everything still; `legacy` is the rule before.
 * @see https://opendev.org/openstack/keystone/src/branch/unmaintained/zed/keystone/common/policies
 */
export const baseRules: readonly PolicyRule[] = [
  { name: 'admin_required', check: 'role:admin' },
  { name: 'service_role', check: 'role:service' },
  { name: 'service_or_admin', check: 'rule:admin_required or rule:service_role' },
  { name: 'owner', check: 'user_id:%(user_id)s' },
  { name: 'admin_or_owner', check: 'rule:admin_required or rule:owner' },
  { name: 'token_subject', check: 'user_id:%(target.token.user_id)s' },
  { name: 'admin_or_token_subject', check: 'rule:admin_required or rule:token_subject' },
  { name: 'service_admin_or_token_subject', check: 'rule:service_or_admin or rule:token_subject' },
];

type Scope = 'system' | 'domain' | 'project';

/** Readers of the system, and administrators as before. */
export function readerRule(name: string): PolicyRule {
  return rule(name, 'role:reader and system_scope:all', ['system'], 'rule:admin_required');
}

/** Administrators of the system, and administrators as before. */
export function adminRule(name: string): PolicyRule {
  return rule(name, 'role:admin and system_scope:all', ['system'], 'rule:admin_required');
}

export function rule(name: string, check: string, scopes?: readonly Scope[], legacy?: string): PolicyRule {
  return {
    name,
    check: legacy === undefined ? check : `(${check}) or (${legacy})`,
    ...(scopes === undefined ? {} : { scopes }),
  };
}
