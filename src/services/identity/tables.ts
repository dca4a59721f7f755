import type { Migrations } from '#kernel/db/migrate.ts';
import type { RevisionTables } from '#kernel/events/revisions.ts';
import { type ApplicationCredentialTables, applicationCredentialMigrations } from './application-credentials/tables.ts';
import { type AssignmentTables, assignmentMigrations } from './assignments/tables.ts';
import { type CatalogTables, catalogMigrations } from './catalog/tables.ts';
import { type CredentialTables, credentialMigrations } from './credentials/tables.ts';
import { type DomainConfigTables, domainConfigMigrations } from './domain-config/tables.ts';
import { type EndpointFilterTables, endpointFilterMigrations } from './endpoint-filters/tables.ts';
import { type FederationTables, federationMigrations } from './federation/tables.ts';
import { type GroupTables, groupMigrations } from './groups/tables.ts';
import { type LimitTables, limitMigrations } from './limits/tables.ts';
import { type Oauth1Tables, oauth1Migrations } from './oauth1/tables.ts';
import { type PolicyTables, policyMigrations } from './policies/tables.ts';
import { type ProjectTables, projectMigrations } from './projects/tables.ts';
import { type RevocationTables, revocationMigrations } from './revocations/tables.ts';
import { type RoleTables, roleMigrations } from './roles/tables.ts';
import { type TrustTables, trustMigrations } from './trusts/tables.ts';
import { type UserTables, userMigrations } from './users/tables.ts';

/** Every table that identity may touch. */
export type IdentityTables = UserTables &
  GroupTables &
  ProjectTables &
  RoleTables &
  AssignmentTables &
  CatalogTables &
  RevocationTables &
  ApplicationCredentialTables &
  TrustTables &
  CredentialTables &
  PolicyTables &
  EndpointFilterTables &
  DomainConfigTables &
  LimitTables &
  Oauth1Tables &
  FederationTables &
  RevisionTables;

export const identityMigrations: Migrations = {
  ...projectMigrations,
  ...userMigrations,
  ...groupMigrations,
  ...roleMigrations,
  ...assignmentMigrations,
  ...catalogMigrations,
  ...revocationMigrations,
  ...applicationCredentialMigrations,
  ...trustMigrations,
  ...credentialMigrations,
  ...policyMigrations,
  ...endpointFilterMigrations,
  ...domainConfigMigrations,
  ...limitMigrations,
  ...oauth1Migrations,
  ...federationMigrations,
};
