import type { PolicyRule } from '#kernel/auth/policy.ts';
import { ADMIN, ANY, rule } from '../policy-base.ts';

/** @see nova/policies/availability_zone.py */
export const availabilityZonePolicy: readonly PolicyRule[] = [
  rule('os-availability-zone:list', ANY),
  rule('os-availability-zone:detail', ADMIN),
];
