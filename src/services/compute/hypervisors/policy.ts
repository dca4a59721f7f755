import type { PolicyRule } from '#kernel/auth/policy.ts';
import { ADMIN, rule } from '../policy-base.ts';

/** @see nova/policies/hypervisors.py */
export const hypervisorPolicy: readonly PolicyRule[] = [
  'list',
  'list-detail',
  'statistics',
  'show',
  'uptime',
  'search',
  'servers',
].map((verb) => rule(`os-hypervisors:${verb}`, ADMIN));
