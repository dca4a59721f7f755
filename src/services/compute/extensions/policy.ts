import type { PolicyRule } from '#kernel/auth/policy.ts';
import { ANY, rule } from '../policy-base.ts';

/** @see nova/policies/extensions.py */
export const extensionPolicy: readonly PolicyRule[] = [rule('extensions', ANY)];
