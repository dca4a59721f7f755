import type { PolicyRule } from '#kernel/auth/policy.ts';
import { ADMIN, rule } from '../policy-base.ts';

/** @see nova/policies/hosts.py */
export const legacyHostPolicy: readonly PolicyRule[] = ['list', 'show', 'update', 'reboot', 'shutdown', 'start'].map(
  (verb) => rule(`os-hosts:${verb}`, ADMIN),
);
