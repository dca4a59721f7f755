import type { PolicyRule } from '#kernel/auth/policy.ts';
import { ADMIN_OR_MEMBER, adminPolicy, ownedPolicy } from '../policy-base.ts';

export const routerPolicy: PolicyRule[] = [
  ...ownedPolicy('router'),
  ...adminPolicy(
    'create_router:external_gateway_info:enable_snat',
    'create_router:external_gateway_info:external_fixed_ips',
    'update_router:external_gateway_info:enable_snat',
    'update_router:external_gateway_info:external_fixed_ips',
  ),
  ...['add_router_interface', 'remove_router_interface', 'add_extraroutes', 'remove_extraroutes'].map(
    (name): PolicyRule => ({ name, check: ADMIN_OR_MEMBER, scopes: ['project'] }),
  ),
];
