import type { PolicyRule } from '#kernel/auth/policy.ts';
import { ADMIN, PROJECT_MEMBER_OR_ADMIN, rule } from '../policy-base.ts';

/** @see nova/policies/remote_consoles.py, console_auth_tokens.py */
export const consolePolicy: readonly PolicyRule[] = [
  rule('os-remote-consoles', PROJECT_MEMBER_OR_ADMIN),
  rule('os-console-auth-tokens', ADMIN),
];
