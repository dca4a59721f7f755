import type { PolicyRule } from '#kernel/auth/policy.ts';
import { rule } from '../policy-rules.ts';

export const applicationCredentialPolicy: readonly PolicyRule[] = [
  rule('identity:get_access_rule', '(role:reader and system_scope:all) or user_id:%(target.user.id)s', [
    'system',
    'project',
  ]),
  rule('identity:list_access_rules', '(role:reader and system_scope:all) or user_id:%(target.user.id)s', [
    'system',
    'project',
  ]),
  rule('identity:delete_access_rule', '(role:admin and system_scope:all) or user_id:%(target.user.id)s', [
    'system',
    'project',
  ]),
  rule(
    'identity:get_application_credential',
    '(role:reader and system_scope:all) or rule:owner',
    ['system', 'project'],
    'rule:admin_or_owner',
  ),
  rule(
    'identity:list_application_credentials',
    '(role:reader and system_scope:all) or rule:owner',
    ['system', 'project'],
    'rule:admin_or_owner',
  ),
  rule('identity:create_application_credential', 'user_id:%(user_id)s', ['project']),
  rule(
    'identity:delete_application_credential',
    '(role:admin and system_scope:all) or rule:owner',
    ['system', 'project'],
    'rule:admin_or_owner',
  ),
];
