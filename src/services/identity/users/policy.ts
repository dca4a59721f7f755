import type { PolicyRule } from '#kernel/auth/policy.ts';
import { rule } from '../policy-rules.ts';

export const userPolicy: readonly PolicyRule[] = [
  rule(
    'identity:get_user',
    '(role:reader and system_scope:all) or (role:reader and token.domain.id:%(target.user.domain_id)s) or user_id:%(target.user.id)s',
    ['system', 'domain', 'project'],
    'rule:admin_or_owner',
  ),
  rule(
    'identity:list_users',
    '(role:reader and system_scope:all) or (role:reader and domain_id:%(target.domain_id)s)',
    ['system', 'domain'],
    'rule:admin_required',
  ),
  rule('identity:list_projects_for_user', ''),
  rule('identity:list_domains_for_user', ''),
  rule(
    'identity:create_user',
    '(role:admin and system_scope:all) or (role:admin and token.domain.id:%(target.user.domain_id)s)',
    ['system', 'domain'],
    'rule:admin_required',
  ),
  rule(
    'identity:update_user',
    '(role:admin and system_scope:all) or (role:admin and token.domain.id:%(target.user.domain_id)s)',
    ['system', 'domain'],
    'rule:admin_required',
  ),
  rule(
    'identity:delete_user',
    '(role:admin and system_scope:all) or (role:admin and token.domain.id:%(target.user.domain_id)s)',
    ['system', 'domain'],
    'rule:admin_required',
  ),
];
