import type { PolicyRule } from '#kernel/auth/policy.ts';
import { rule } from '../policy-rules.ts';

export const revocationPolicy: readonly PolicyRule[] = [
  rule('identity:list_revoke_events', 'rule:service_or_admin', ['system']),
];
