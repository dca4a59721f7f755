import type { PolicyRule } from '#kernel/auth/policy.ts';
import { rule } from '../policy-rules.ts';

export const tokenPolicy: readonly PolicyRule[] = [
  rule('identity:get_auth_catalog', ''),
  rule('identity:get_auth_projects', ''),
  rule('identity:get_auth_domains', ''),
  rule('identity:get_auth_system', ''),
  rule('identity:revocation_list', 'rule:service_or_admin', ['system', 'project']),
  rule(
    'identity:check_token',
    '(role:reader and system_scope:all) or rule:token_subject',
    ['system', 'domain', 'project'],
    'rule:admin_or_token_subject',
  ),
  rule(
    'identity:validate_token',
    '(role:reader and system_scope:all) or rule:service_role or rule:token_subject',
    ['system', 'domain', 'project'],
    'rule:service_admin_or_token_subject',
  ),
  rule(
    'identity:revoke_token',
    '(role:admin and system_scope:all) or rule:token_subject',
    ['system', 'domain', 'project'],
    'rule:admin_or_token_subject',
  ),
];
