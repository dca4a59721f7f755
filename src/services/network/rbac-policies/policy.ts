import type { PolicyRule } from '#kernel/auth/policy.ts';
import { ADMIN, ownedPolicy } from '../policy-base.ts';

const NOT_EVERYBODY = `${ADMIN} or (not field:rbac_policy:target_tenant=* and not field:rbac_policy:target_project=*)`;

export const rbacPolicyPolicy: PolicyRule[] = [
  ...ownedPolicy('rbac_policy'),
  { name: 'create_rbac_policy:target_tenant', check: NOT_EVERYBODY, scopes: ['project'] },
  { name: 'update_rbac_policy:target_tenant', check: NOT_EVERYBODY, scopes: ['project'] },
];
