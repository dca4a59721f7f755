import type { PolicyRule } from '#kernel/auth/policy.ts';
import { ADMIN, ANY, rule } from '../policy-base.ts';

/** @see nova/policies/limits.py */
export const limitPolicy: readonly PolicyRule[] = [rule('limits', ANY), rule('limits:other_project', ADMIN)];
