import type { PolicyRule } from '#kernel/auth/policy.ts';
import { ADMIN, rule } from '../policy-base.ts';

/** @see nova/policies/services.py */
export const computeServicePolicy: readonly PolicyRule[] = ['list', 'update', 'delete'].map((verb) =>
  rule(`os-services:${verb}`, ADMIN),
);
