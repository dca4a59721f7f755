/**
 * Who may do what by default: the rules that all others stand on.
 * @see nova/policies/base.py (2022.2)
 */
import type { PolicyRule } from '#kernel/auth/policy.ts';

export const ADMIN = 'rule:context_is_admin';
export const PROJECT_READER = 'rule:project_reader_api';
export const PROJECT_MEMBER_OR_ADMIN = 'rule:project_member_or_admin';
export const PROJECT_READER_OR_ADMIN = 'rule:project_reader_or_admin';
export const ANY = '@';

export const basePolicy: readonly PolicyRule[] = [
  { name: 'context_is_admin', check: 'role:admin' },
  { name: 'admin_or_owner', check: 'is_admin:True or project_id:%(project_id)s' },
  { name: 'admin_api', check: 'is_admin:True' },
  { name: 'project_member_api', check: 'role:member and project_id:%(project_id)s' },
  { name: 'project_reader_api', check: 'role:reader and project_id:%(project_id)s' },
  { name: 'project_member_or_admin', check: 'rule:project_member_api or rule:context_is_admin' },
  { name: 'project_reader_or_admin', check: 'rule:project_reader_api or rule:context_is_admin' },
];

/** One of nova's rules, all of which are for tokens of a project: `rule('os-keypairs:index', …)`. */
export function rule(name: string, check: string, description?: string): PolicyRule {
  return {
    name: `os_compute_api:${name}`,
    check,
    scopes: ['project'],
    ...(description === undefined ? {} : { description }),
  };
}
