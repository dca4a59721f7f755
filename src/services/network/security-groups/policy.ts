import type { PolicyRule } from '#kernel/auth/policy.ts';
import { ADMIN_OR_MEMBER, ADMIN_OR_READER, ownedPolicy } from '../policy-base.ts';

export const securityGroupPolicy: PolicyRule[] = [
  { name: 'shared_security_group', check: 'field:security_groups:shared=True' },
  ...ownedPolicy('security_group', { get: `${ADMIN_OR_READER} or rule:shared_security_group` }),
  { name: 'create_security_group_rule', check: ADMIN_OR_MEMBER, scopes: ['project'] },
  { name: 'get_security_group_rule', check: `${ADMIN_OR_READER} or rule:sg_owner`, scopes: ['project'] },
  { name: 'delete_security_group_rule', check: ADMIN_OR_MEMBER, scopes: ['project'] },
];
