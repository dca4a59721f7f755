import type { Migrations } from '#kernel/db/migrate.ts';
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
};
