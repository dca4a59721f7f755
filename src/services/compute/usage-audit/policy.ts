import type { PolicyRule } from '#kernel/auth/policy.ts';
import { ADMIN, rule } from '../policy-base.ts';

/** @see nova/policies/instance_usage_audit_log.py */
export const usageAuditPolicy: readonly PolicyRule[] = [
  rule('os-instance-usage-audit-log:list', ADMIN),
  rule('os-instance-usage-audit-log:show', ADMIN),
];
