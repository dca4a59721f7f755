import type { PolicyRule } from '#kernel/auth/policy.ts';
import { ADMIN, PROJECT_READER_OR_ADMIN, rule } from '../policy-base.ts';

/** @see nova/policies/simple_tenant_usage.py */
export const tenantUsagePolicy: readonly PolicyRule[] = [
  rule('os-simple-tenant-usage:list', ADMIN),
  rule('os-simple-tenant-usage:show', PROJECT_READER_OR_ADMIN),
];
