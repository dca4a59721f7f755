import type { PolicyRule } from '#kernel/auth/policy.ts';
import { ADMIN, PROJECT_READER_OR_ADMIN, rule } from '../policy-base.ts';

/** @see nova/policies/instance_actions.py */
export const instanceActionPolicy: readonly PolicyRule[] = [
  rule('os-instance-actions:list', PROJECT_READER_OR_ADMIN),
  rule('os-instance-actions:show', PROJECT_READER_OR_ADMIN),
  rule('os-instance-actions:events', ADMIN, 'Tracebacks and hosts of events.'),
  rule('os-instance-actions:events:details', ADMIN, 'What went wrong, as the host says it.'),
];
