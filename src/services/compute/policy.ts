import type { PolicyRule } from '#kernel/auth/policy.ts';
import { aggregatePolicy } from './aggregates/policy.ts';
import { availabilityZonePolicy } from './availability-zones/policy.ts';
import { computeServicePolicy } from './compute-services/policy.ts';
import { consolePolicy } from './consoles/policy.ts';
import { extensionPolicy } from './extensions/policy.ts';
import { flavorPolicy } from './flavors/policy.ts';
import { hypervisorPolicy } from './hypervisors/policy.ts';
import { instanceActionPolicy } from './instance-actions/policy.ts';
import { keyPairPolicy } from './key-pairs/policy.ts';
import { legacyHostPolicy } from './legacy-hosts/policy.ts';
import { limitPolicy } from './limits/policy.ts';
import { migrationPolicy } from './migrations/policy.ts';
import { basePolicy } from './policy-base.ts';
import { proxyPolicy } from './proxies/policy.ts';
import { quotaPolicy } from './quotas/policy.ts';
import { serverGroupPolicy } from './server-groups/policy.ts';
import { serverPolicy } from './servers/policy.ts';
import { tenantUsagePolicy } from './tenant-usage/policy.ts';
import { usageAuditPolicy } from './usage-audit/policy.ts';

/** Every rule of the service with its default, as `policy.yaml` may override it. */
export const computePolicy: readonly PolicyRule[] = [
  ...basePolicy,
  ...aggregatePolicy,
  ...availabilityZonePolicy,
  ...computeServicePolicy,
  ...hypervisorPolicy,
  ...legacyHostPolicy,
  ...consolePolicy,
  ...flavorPolicy,
  ...keyPairPolicy,
  ...proxyPolicy,
  ...quotaPolicy,
  ...limitPolicy,
  ...instanceActionPolicy,
  ...tenantUsagePolicy,
  ...usageAuditPolicy,
  ...extensionPolicy,
  ...migrationPolicy,
  ...serverGroupPolicy,
  ...serverPolicy,
];
