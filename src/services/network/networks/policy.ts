import type { PolicyRule } from '#kernel/auth/policy.ts';
import { ADMIN, ADMIN_OR_MEMBER, ADMIN_OR_READER } from '../policy-base.ts';

/** @see https://docs.openstack.org/neutron/zed/configuration/policy.html */
export const networkPolicy: PolicyRule[] = [
  { name: 'external', check: 'field:networks:router:external=True' },
  { name: 'create_network', check: ADMIN_OR_MEMBER, scopes: ['project'] },
  ...[
    'create_network:shared',
    'create_network:router:external',
    'create_network:is_default',
    'create_network:provider:network_type',
    'create_network:provider:physical_network',
    'create_network:provider:segmentation_id',
    'get_network:provider:network_type',
    'get_network:provider:physical_network',
    'get_network:provider:segmentation_id',
    'update_network:shared',
    'update_network:provider:network_type',
    'update_network:provider:physical_network',
    'update_network:provider:segmentation_id',
    'update_network:router:external',
    'update_network:is_default',
  ].map((name): PolicyRule => ({ name, check: ADMIN, scopes: ['project'] })),
  { name: 'create_network:port_security_enabled', check: ADMIN_OR_MEMBER, scopes: ['project'] },
  { name: 'update_network:port_security_enabled', check: ADMIN_OR_MEMBER, scopes: ['project'] },
  {
    name: 'get_network',
    check: `${ADMIN_OR_READER} or rule:shared or rule:external or rule:context_is_advsvc`,
    scopes: ['project'],
  },
  { name: 'update_network', check: ADMIN_OR_MEMBER, scopes: ['project'] },
  { name: 'delete_network', check: ADMIN_OR_MEMBER, scopes: ['project'] },
];
