import type { PolicyRule } from '#kernel/auth/policy.ts';
import { ADMIN, rule } from '../policy-base.ts';

/** @see nova/policies/aggregates.py */
export const aggregatePolicy: readonly PolicyRule[] = [
  ...['index', 'create', 'show', 'update', 'delete', 'add_host', 'remove_host', 'set_metadata'].map((verb) =>
    rule(`os-aggregates:${verb}`, ADMIN),
  ),
  { name: 'compute:aggregates:images', check: ADMIN, scopes: ['project'] },
];
