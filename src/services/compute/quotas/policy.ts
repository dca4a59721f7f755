import type { PolicyRule } from '#kernel/auth/policy.ts';
import { ADMIN, ANY, PROJECT_READER_OR_ADMIN, rule } from '../policy-base.ts';

/** @see nova/policies/quota_sets.py, quota_class_sets.py */
export const quotaPolicy: readonly PolicyRule[] = [
  rule('os-quota-sets:show', PROJECT_READER_OR_ADMIN),
  rule('os-quota-sets:detail', PROJECT_READER_OR_ADMIN),
  rule('os-quota-sets:defaults', ANY),
  rule('os-quota-sets:update', ADMIN),
  rule('os-quota-sets:delete', ADMIN),
  rule('os-quota-class-sets:show', ADMIN),
  rule('os-quota-class-sets:update', ADMIN),
];
