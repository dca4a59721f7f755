import type { PolicyRule } from '#kernel/auth/policy.ts';
import { ADMIN, PROJECT_MEMBER_OR_ADMIN, PROJECT_READER_OR_ADMIN, rule } from '../policy-base.ts';

/** @see nova/policies/server_groups.py */
export const serverGroupPolicy: readonly PolicyRule[] = [
  rule('os-server-groups:create', PROJECT_MEMBER_OR_ADMIN),
  rule('os-server-groups:delete', PROJECT_MEMBER_OR_ADMIN),
  rule('os-server-groups:index', PROJECT_READER_OR_ADMIN),
  rule('os-server-groups:index:all_projects', ADMIN),
  rule('os-server-groups:show', PROJECT_READER_OR_ADMIN),
];
