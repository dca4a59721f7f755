import type { PolicyRule } from '#kernel/auth/policy.ts';
import { ADMIN, rule } from '../policy-base.ts';

const ADMIN_OR_USER = `(${ADMIN}) or user_id:%(user_id)s`;

/** Key pairs belong to users, not projects. @see nova/policies/keypairs.py */
export const keyPairPolicy: readonly PolicyRule[] = ['index', 'create', 'delete', 'show'].map((verb) =>
  rule(`os-keypairs:${verb}`, ADMIN_OR_USER),
);
