import type { PolicyRule } from '#kernel/auth/policy.ts';
import { rule } from '../policy-rules.ts';

export const groupPolicy: readonly PolicyRule[] = [
  rule(
    'identity:get_group',
    '(role:reader and system_scope:all) or (role:reader and domain_id:%(target.group.domain_id)s)',
    ['system', 'domain'],
    'rule:admin_required',
  ),
  rule(
    'identity:list_groups',
    '(role:reader and system_scope:all) or (role:reader and domain_id:%(target.group.domain_id)s)',
    ['system', 'domain'],
    'rule:admin_required',
  ),
  rule(
    'identity:list_groups_for_user',
    '(role:reader and system_scope:all) or (role:reader and domain_id:%(target.user.domain_id)s) or user_id:%(user_id)s',
    ['system', 'domain', 'project'],
    'rule:admin_or_owner',
  ),
  rule(
    'identity:create_group',
    '(role:admin and system_scope:all) or (role:admin and domain_id:%(target.group.domain_id)s)',
    ['system', 'domain'],
    'rule:admin_required',
  ),
  rule(
    'identity:update_group',
    '(role:admin and system_scope:all) or (role:admin and domain_id:%(target.group.domain_id)s)',
    ['system', 'domain'],
    'rule:admin_required',
  ),
  rule(
    'identity:delete_group',
    '(role:admin and system_scope:all) or (role:admin and domain_id:%(target.group.domain_id)s)',
    ['system', 'domain'],
    'rule:admin_required',
  ),
  rule(
    'identity:list_users_in_group',
    '(role:reader and system_scope:all) or (role:reader and domain_id:%(target.group.domain_id)s)',
    ['system', 'domain'],
    'rule:admin_required',
  ),
  rule(
    'identity:remove_user_from_group',
    '(role:admin and system_scope:all) or (role:admin and domain_id:%(target.group.domain_id)s and domain_id:%(target.user.domain_id)s)',
    ['system', 'domain'],
    'rule:admin_required',
  ),
  rule(
    'identity:check_user_in_group',
    '(role:reader and system_scope:all) or (role:reader and domain_id:%(target.group.domain_id)s and domain_id:%(target.user.domain_id)s)',
    ['system', 'domain'],
    'rule:admin_required',
  ),
  rule(
    'identity:add_user_to_group',
    '(role:admin and system_scope:all) or (role:admin and domain_id:%(target.group.domain_id)s and domain_id:%(target.user.domain_id)s)',
    ['system', 'domain'],
    'rule:admin_required',
  ),
];
