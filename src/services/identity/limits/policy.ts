import type { PolicyRule } from '#kernel/auth/policy.ts';
import { rule } from '../policy-rules.ts';

export const limitPolicy: readonly PolicyRule[] = [
  rule('identity:get_limit_model', '', ['system', 'domain', 'project']),
  rule(
    'identity:get_limit',
    '(role:reader and system_scope:all) or (domain_id:%(target.limit.domain.id)s or domain_id:%(target.limit.project.domain_id)s) or (project_id:%(target.limit.project_id)s and not None:%(target.limit.project_id)s)',
    ['system', 'domain', 'project'],
  ),
  rule('identity:list_limits', '', ['system', 'domain', 'project']),
  rule('identity:create_limits', 'role:admin and system_scope:all', ['system']),
  rule('identity:update_limit', 'role:admin and system_scope:all', ['system']),
  rule('identity:delete_limit', 'role:admin and system_scope:all', ['system']),
  rule('identity:get_registered_limit', '', ['system', 'domain', 'project']),
  rule('identity:list_registered_limits', '', ['system', 'domain', 'project']),
  rule('identity:create_registered_limits', 'role:admin and system_scope:all', ['system']),
  rule('identity:update_registered_limit', 'role:admin and system_scope:all', ['system']),
  rule('identity:delete_registered_limit', 'role:admin and system_scope:all', ['system']),
];
