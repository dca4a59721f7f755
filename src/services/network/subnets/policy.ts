import type { PolicyRule } from '#kernel/auth/policy.ts';
import { ADMIN, ADMIN_OR_MEMBER, ADMIN_OR_READER, adminPolicy, NET_OWNER_MEMBER } from '../policy-base.ts';

export const subnetPolicy: PolicyRule[] = [
  { name: 'create_subnet', check: `${ADMIN} or (${NET_OWNER_MEMBER})`, scopes: ['project'] },
  ...adminPolicy('create_subnet:service_types', 'update_subnet:service_types'),
  { name: 'get_subnet', check: `${ADMIN_OR_READER} or rule:shared or rule:context_is_advsvc`, scopes: ['project'] },
  { name: 'update_subnet', check: `${ADMIN_OR_MEMBER} or (${NET_OWNER_MEMBER})`, scopes: ['project'] },
  { name: 'delete_subnet', check: `${ADMIN_OR_MEMBER} or (${NET_OWNER_MEMBER})`, scopes: ['project'] },
];
