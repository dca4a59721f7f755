import type { PolicyRule } from '#kernel/auth/policy.ts';
import { rule } from '../policy-rules.ts';

export const credentialPolicy: readonly PolicyRule[] = [
  rule(
    'identity:get_credential',
    '(role:reader and system_scope:all) or user_id:%(target.credential.user_id)s',
    ['system', 'project'],
    'rule:admin_required',
  ),
  rule(
    'identity:list_credentials',
    '(role:reader and system_scope:all) or user_id:%(target.credential.user_id)s',
    ['system', 'project'],
    'rule:admin_required',
  ),
  rule(
    'identity:create_credential',
    '(role:admin and system_scope:all) or user_id:%(target.credential.user_id)s',
    ['system', 'project'],
    'rule:admin_required',
  ),
  rule(
    'identity:update_credential',
    '(role:admin and system_scope:all) or user_id:%(target.credential.user_id)s',
    ['system', 'project'],
    'rule:admin_required',
  ),
  rule(
    'identity:delete_credential',
    '(role:admin and system_scope:all) or user_id:%(target.credential.user_id)s',
    ['system', 'project'],
    'rule:admin_required',
  ),
  rule(
    'identity:ec2_get_credential',
    '(role:reader and system_scope:all) or user_id:%(target.credential.user_id)s',
    ['system', 'project'],
    'rule:admin_required or (rule:owner and user_id:%(target.credential.user_id)s)',
  ),
  rule(
    'identity:ec2_list_credentials',
    '(role:reader and system_scope:all) or rule:owner',
    ['system', 'project'],
    'rule:admin_or_owner',
  ),
  rule(
    'identity:ec2_create_credential',
    '(role:admin and system_scope:all) or rule:owner',
    ['system', 'project'],
    'rule:admin_or_owner',
  ),
  rule(
    'identity:ec2_delete_credential',
    '(role:admin and system_scope:all) or user_id:%(target.credential.user_id)s',
    ['system', 'project'],
    'rule:admin_required or (rule:owner and user_id:%(target.credential.user_id)s)',
  ),
  // Later than Zed: a signed request must not be turned into a token by whoever got hold of it (OSSA-2025-002).
  rule('identity:ec2tokens_validate', 'rule:service_or_admin', ['system', 'domain', 'project']),
  rule('identity:s3tokens_validate', 'rule:service_or_admin', ['system', 'domain', 'project']),
];
