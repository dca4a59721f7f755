import type { PolicyRule } from '#kernel/auth/policy.ts';
import { adminRule, readerRule, rule } from '../policy-rules.ts';

export const oauth1Policy: readonly PolicyRule[] = [
  rule('identity:authorize_request_token', 'rule:admin_required', ['project']),
  rule('identity:get_access_token', 'rule:admin_required', ['project']),
  rule('identity:get_access_token_role', 'rule:admin_required', ['project']),
  rule('identity:list_access_tokens', 'rule:admin_required', ['project']),
  rule('identity:list_access_token_roles', 'rule:admin_required', ['project']),
  rule('identity:delete_access_token', 'rule:admin_required', ['project']),
  readerRule('identity:get_consumer'),
  readerRule('identity:list_consumers'),
  adminRule('identity:create_consumer'),
  adminRule('identity:update_consumer'),
  adminRule('identity:delete_consumer'),
];
