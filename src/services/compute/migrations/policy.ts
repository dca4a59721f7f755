import type { PolicyRule } from '#kernel/auth/policy.ts';
import { ADMIN, rule } from '../policy-base.ts';

/** @see nova/policies/migrations.py */
export const migrationPolicy: readonly PolicyRule[] = [rule('os-migrations:index', ADMIN)];
