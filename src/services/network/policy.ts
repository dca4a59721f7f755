import type { PolicyRule } from '#kernel/auth/policy.ts';
import { networkPolicy } from './networks/policy.ts';
import { ADMIN_OR_MEMBER, ADMIN_OR_READER, ANY_READER, adminPolicy, basePolicy, ownedPolicy } from './policy-base.ts';
import { portPolicy } from './ports/policy.ts';
import { rbacPolicyPolicy } from './rbac-policies/policy.ts';
import { routerPolicy } from './routers/policy.ts';
import { securityGroupPolicy } from './security-groups/policy.ts';
import { subnetPolicy } from './subnets/policy.ts';

/**
 * Every default rule of the network service.
 * @see https://docs.openstack.org/neutron/zed/configuration/policy.html
 */
export const networkRules: PolicyRule[] = [
  ...basePolicy,
  ...networkPolicy,
  ...subnetPolicy,
  ...portPolicy,
  ...securityGroupPolicy,
  ...routerPolicy,
  ...rbacPolicyPolicy,
  ...ownedPolicy('floatingip'),
  ...adminPolicy('create_floatingip:floating_ip_address'),
  { name: 'get_floatingip_pool', check: ADMIN_OR_READER, scopes: ['project'] },
  { name: 'shared_subnetpools', check: 'field:subnetpools:shared=True' },
  ...ownedPolicy('subnetpool', { get: `${ADMIN_OR_READER} or rule:shared_subnetpools` }),
  ...adminPolicy('create_subnetpool:shared', 'create_subnetpool:is_default', 'update_subnetpool:is_default'),
  { name: 'add_prefixes', check: ADMIN_OR_MEMBER, scopes: ['project'] },
  { name: 'remove_prefixes', check: ADMIN_OR_MEMBER, scopes: ['project'] },
  { name: 'shared_address_scopes', check: 'field:address_scopes:shared=True' },
  ...ownedPolicy('address_scope', { get: `${ADMIN_OR_READER} or rule:shared_address_scopes` }),
  ...adminPolicy('create_address_scope:shared', 'update_address_scope:shared'),
  { name: 'shared_address_groups', check: 'field:address_groups:shared=True' },
  ...ownedPolicy('address_group', { get: `${ADMIN_OR_READER} or rule:shared_address_groups` }),
  ...adminPolicy('create_address_group:shared'),
  ...adminPolicy('get_quota', 'update_quota', 'delete_quota'),
  ...adminPolicy('get_agent', 'update_agent', 'delete_agent'),
  ...adminPolicy('create_dhcp-network', 'get_dhcp-networks', 'delete_dhcp-network', 'get_dhcp-agents'),
  ...adminPolicy('create_l3-router', 'get_l3-routers', 'delete_l3-router', 'get_l3-agents'),
  ...adminPolicy('get_network_ip_availability'),
  { name: 'get_availability_zone', check: ANY_READER, scopes: ['project'] },
  { name: 'get_service_provider', check: ANY_READER, scopes: ['project'] },
  { name: 'get_auto_allocated_topology', check: ADMIN_OR_READER, scopes: ['project'] },
  { name: 'delete_auto_allocated_topology', check: ADMIN_OR_MEMBER, scopes: ['project'] },
];
