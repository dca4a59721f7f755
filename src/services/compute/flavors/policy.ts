import type { PolicyRule } from '#kernel/auth/policy.ts';
import { ADMIN, PROJECT_READER_OR_ADMIN, rule } from '../policy-base.ts';

/** @see nova/policies/flavor_manage.py, flavor_access.py, flavor_extra_specs.py */
export const flavorPolicy: readonly PolicyRule[] = [
  rule('os-flavor-manage:create', ADMIN),
  rule('os-flavor-manage:update', ADMIN),
  rule('os-flavor-manage:delete', ADMIN),
  rule('os-flavor-access', ADMIN),
  rule('os-flavor-access:add_tenant_access', ADMIN),
  rule('os-flavor-access:remove_tenant_access', ADMIN),
  rule('os-flavor-extra-specs:index', PROJECT_READER_OR_ADMIN),
  rule('os-flavor-extra-specs:show', PROJECT_READER_OR_ADMIN),
  rule('os-flavor-extra-specs:create', ADMIN),
  rule('os-flavor-extra-specs:update', ADMIN),
  rule('os-flavor-extra-specs:delete', ADMIN),
];
