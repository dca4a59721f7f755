import type { PolicyRule } from '#kernel/auth/policy.ts';
import { applicationCredentialPolicy } from './application-credentials/policy.ts';
import { assignmentPolicy } from './assignments/policy.ts';
import { catalogPolicy } from './catalog/policy.ts';
import { credentialPolicy } from './credentials/policy.ts';
import { domainConfigPolicy } from './domain-config/policy.ts';
import { endpointFilterPolicy } from './endpoint-filters/policy.ts';
import { federationPolicy } from './federation/policy.ts';
import { groupPolicy } from './groups/policy.ts';
import { limitPolicy } from './limits/policy.ts';
import { oauth1Policy } from './oauth1/policy.ts';
import { storedPolicyPolicy } from './policies/policy.ts';
import { baseRules } from './policy-rules.ts';
import { projectPolicy } from './projects/policy.ts';
import { revocationPolicy } from './revocations/policy.ts';
import { rolePolicy } from './roles/policy.ts';
import { tokenPolicy } from './tokens/policy.ts';
import { trustPolicy } from './trusts/policy.ts';
import { userPolicy } from './users/policy.ts';

/** All default rules of identity. */
export const identityPolicy: readonly PolicyRule[] = [
  ...baseRules,
  ...applicationCredentialPolicy,
  ...oauth1Policy,
  ...tokenPolicy,
  ...credentialPolicy,
  ...projectPolicy,
  ...domainConfigPolicy,
  ...catalogPolicy,
  ...endpointFilterPolicy,
  ...assignmentPolicy,
  ...groupPolicy,
  ...federationPolicy,
  ...rolePolicy,
  ...limitPolicy,
  ...storedPolicyPolicy,
  ...revocationPolicy,
  ...trustPolicy,
  ...userPolicy,
];
