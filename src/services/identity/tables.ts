import { addIndexes, type Migrations } from '#kernel/db/migrate.ts';
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

/** What refers to others is looked for when those go; and role assignments are listed by role and by kind of target. */
const indexMigrations: Migrations = {
  'identity-0030-indexes-of-references': addIndexes([
    ['implied_roles_by_implied_role', 'implied_roles', ['implied_role_id']],
    ['role_assignments_by_role', 'role_assignments', ['role_id']],
    ['endpoints_by_region', 'endpoints', ['region_id']],
    ['endpoints_by_service', 'endpoints', ['service_id']],
    ['application_credentials_by_project', 'application_credentials', ['project_id']],
    ['application_credential_roles_by_role', 'application_credential_roles', ['role_id']],
    ['application_credential_access_rules_by_access_rule', 'application_credential_access_rules', ['access_rule_id']],
    ['trusts_by_redelegated_trust', 'trusts', ['redelegated_trust_id']],
    ['trusts_by_project', 'trusts', ['project_id']],
    ['trust_roles_by_role', 'trust_roles', ['role_id']],
    ['policy_associations_by_policy', 'policy_associations', ['policy_id']],
    ['project_endpoints_by_endpoint', 'project_endpoints', ['endpoint_id']],
    ['project_endpoint_groups_by_endpoint_group', 'project_endpoint_groups', ['endpoint_group_id']],
    ['limits_by_registered_limit', 'limits', ['registered_limit_id']],
    ['request_tokens_by_user', 'request_tokens', ['user_id']],
    ['request_tokens_by_project', 'request_tokens', ['project_id']],
    ['request_tokens_by_consumer', 'request_tokens', ['consumer_id']],
    ['access_tokens_by_user', 'access_tokens', ['user_id']],
    ['access_tokens_by_project', 'access_tokens', ['project_id']],
    ['access_tokens_by_consumer', 'access_tokens', ['consumer_id']],
    ['federated_users_by_user', 'federated_users', ['user_id']],
    ['credentials_by_project', 'credentials', ['project_id']],
    ['role_assignments_by_kind', 'role_assignments', ['target_kind']],
    ['role_assignments_listed', 'role_assignments', ['actor_id', 'target_id', 'role_id', 'inherited']],
    ['revocation_events_by_time', 'revocation_events', ['revoked_at', 'id']],
  ]),
  'identity-0031-index-of-expiry': addIndexes([
    ['user_passwords_by_expiry', 'user_passwords', ['expires_at', 'user_id']],
  ]),
};

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
  ...indexMigrations,
};
