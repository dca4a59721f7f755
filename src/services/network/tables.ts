import { addIndexes, type Migrations } from '#kernel/db/migrate.ts';
import type { RevisionTables } from '#kernel/events/revisions.ts';
import { type AddressGroupsTables, addressGroupsMigrations } from './address-groups/tables.ts';
import { type AddressScopesTables, addressScopesMigrations } from './address-scopes/tables.ts';
import { type FloatingIpsTables, floatingIpsMigrations } from './floating-ips/tables.ts';
import { type HostsTables, hostsMigrations } from './hosts/tables.ts';
import { type NetworksTables, networksMigrations } from './networks/tables.ts';
import { type PortsTables, portsMigrations } from './ports/tables.ts';
import { type QuotasTables, quotasMigrations } from './quotas/tables.ts';
import { type RbacPoliciesTables, rbacPoliciesMigrations } from './rbac-policies/tables.ts';
import { type RoutersTables, routersMigrations } from './routers/tables.ts';
import { type SecurityGroupsTables, securityGroupsMigrations } from './security-groups/tables.ts';
import { type SubnetPoolsTables, subnetPoolsMigrations } from './subnet-pools/tables.ts';
import { type SubnetsTables, subnetsMigrations } from './subnets/tables.ts';
import { type TagsTables, tagsMigrations } from './tags/tables.ts';

/** Every table that network owns, and the kernel's revisions, which it raises. */
export type NetworkTables = NetworksTables &
  SubnetsTables &
  SecurityGroupsTables &
  PortsTables &
  RoutersTables &
  FloatingIpsTables &
  SubnetPoolsTables &
  AddressScopesTables &
  AddressGroupsTables &
  RbacPoliciesTables &
  QuotasTables &
  TagsTables &
  HostsTables &
  RevisionTables;

/** Lists are in the order of their making, whole or a project's own. */
const LISTED = [
  'networks',
  'subnets',
  'ports',
  'routers',
  'floating_ips',
  'security_groups',
  'security_group_rules',
  'subnet_pools',
  'address_scopes',
  'address_groups',
  'rbac_policies',
] as const;

const indexMigrations: Migrations = {
  'network-0020-indexes-of-lists': addIndexes([
    ...LISTED.map((table) => [`${table}_listed`, table, ['created_at', 'id']] as const),
    ['address_groups_project', 'address_groups', ['project_id']],
    ['subnet_pools_default', 'subnet_pools', ['is_default', 'ip_version']],
    ['subnet_pools_scope', 'subnet_pools', ['address_scope_id']],
    ['rbac_policies_project', 'rbac_policies', ['project_id']],
    ['networks_external', 'networks', ['is_external', 'created_at', 'id']],
    ['networks_default', 'networks', ['is_default']],
    ['floating_ips_address', 'floating_ips', ['floating_ip_address']],
    ['default_security_groups_group', 'default_security_groups', ['security_group_id']],
  ]),
};

export const networkMigrations: Migrations = {
  ...networksMigrations,
  ...subnetsMigrations,
  ...securityGroupsMigrations,
  ...portsMigrations,
  ...routersMigrations,
  ...floatingIpsMigrations,
  ...subnetPoolsMigrations,
  ...addressScopesMigrations,
  ...addressGroupsMigrations,
  ...rbacPoliciesMigrations,
  ...quotasMigrations,
  ...tagsMigrations,
  ...hostsMigrations,
  ...indexMigrations,
};
