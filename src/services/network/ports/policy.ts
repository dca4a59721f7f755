import type { PolicyRule } from '#kernel/auth/policy.ts';
import { ADMIN, ADMIN_OR_MEMBER, ADVSVC, adminPolicy, MEMBER, NET_OWNER, READER } from '../policy-base.ts';

const NET_OWNER_OR_ADMIN = `${ADVSVC} or ${NET_OWNER} or ${ADMIN}`;
const rules = (check: string, ...names: readonly string[]): PolicyRule[] =>
  names.map((name) => ({ name, check, scopes: ['project'] }));

/** @see https://docs.openstack.org/neutron/zed/configuration/policy.html */
export const portPolicy: PolicyRule[] = [
  { name: 'network_device', check: 'field:port:device_owner=~^network:' },
  ...rules(ADMIN_OR_MEMBER, 'create_port', 'create_port:binding:vnic_type'),
  ...rules(`not rule:network_device or ${NET_OWNER_OR_ADMIN}`, 'create_port:device_owner', 'update_port:device_owner'),
  ...rules(
    NET_OWNER_OR_ADMIN,
    'create_port:mac_address',
    'create_port:fixed_ips:ip_address',
    'create_port:port_security_enabled',
    'update_port:fixed_ips:ip_address',
    'update_port:port_security_enabled',
  ),
  ...rules(
    `${NET_OWNER_OR_ADMIN} or rule:shared`,
    'create_port:fixed_ips',
    'create_port:fixed_ips:subnet_id',
    'update_port:fixed_ips',
    'update_port:fixed_ips:subnet_id',
  ),
  ...adminPolicy(
    'create_port:binding:host_id',
    'create_port:binding:profile',
    'get_port:binding:vif_type',
    'get_port:binding:vif_details',
    'get_port:binding:host_id',
    'get_port:binding:profile',
    'update_port:binding:host_id',
    'update_port:binding:profile',
  ),
  ...rules(`${ADMIN} or ${NET_OWNER}`, 'create_port:allowed_address_pairs', 'update_port:allowed_address_pairs'),
  ...rules(`${ADMIN} or ${ADVSVC} or ${NET_OWNER} or (${READER})`, 'get_port'),
  ...rules(`${ADMIN} or (${MEMBER}) or ${ADVSVC}`, 'update_port', 'update_port:binding:vnic_type'),
  ...rules(`${ADMIN} or ${ADVSVC}`, 'update_port:mac_address'),
  ...rules(`${ADMIN} or ${ADVSVC} or (${MEMBER}) or ${NET_OWNER}`, 'delete_port'),
];
