import type { PolicyRule } from '#kernel/auth/policy.ts';
import { readerRule, rule } from '../policy-rules.ts';

export const trustPolicy: readonly PolicyRule[] = [
  rule('identity:create_trust', 'user_id:%(trust.trustor_user_id)s', ['project']),
  readerRule('identity:list_trusts'),
  rule(
    'identity:list_trusts_for_trustor',
    'role:reader and system_scope:all or user_id:%(target.trust.trustor_user_id)s',
    ['system', 'project'],
  ),
  rule(
    'identity:list_trusts_for_trustee',
    'role:reader and system_scope:all or user_id:%(target.trust.trustee_user_id)s',
    ['system', 'project'],
  ),
  rule(
    'identity:list_roles_for_trust',
    'role:reader and system_scope:all or user_id:%(target.trust.trustor_user_id)s or user_id:%(target.trust.trustee_user_id)s',
    ['system', 'project'],
    'user_id:%(target.trust.trustor_user_id)s or user_id:%(target.trust.trustee_user_id)s',
  ),
  rule(
    'identity:get_role_for_trust',
    'role:reader and system_scope:all or user_id:%(target.trust.trustor_user_id)s or user_id:%(target.trust.trustee_user_id)s',
    ['system', 'project'],
    'user_id:%(target.trust.trustor_user_id)s or user_id:%(target.trust.trustee_user_id)s',
  ),
  rule(
    'identity:delete_trust',
    'role:admin and system_scope:all or user_id:%(target.trust.trustor_user_id)s',
    ['system', 'project'],
    'user_id:%(target.trust.trustor_user_id)s',
  ),
  rule(
    'identity:get_trust',
    'role:reader and system_scope:all or user_id:%(target.trust.trustor_user_id)s or user_id:%(target.trust.trustee_user_id)s',
    ['system', 'project'],
    'user_id:%(target.trust.trustor_user_id)s or user_id:%(target.trust.trustee_user_id)s',
  ),
];
