import type { PolicyRule } from '#kernel/auth/policy.ts';

const ADMIN_OR_SERVICE = 'rule:admin_or_service_api';

const managed = [
  'placement:resource_providers:list',
  'placement:resource_providers:create',
  'placement:resource_providers:show',
  'placement:resource_providers:update',
  'placement:resource_providers:delete',
  'placement:resource_classes:list',
  'placement:resource_classes:create',
  'placement:resource_classes:show',
  'placement:resource_classes:update',
  'placement:resource_classes:delete',
  'placement:resource_providers:inventories:list',
  'placement:resource_providers:inventories:create',
  'placement:resource_providers:inventories:show',
  'placement:resource_providers:inventories:update',
  'placement:resource_providers:inventories:delete',
  'placement:resource_providers:aggregates:list',
  'placement:resource_providers:aggregates:update',
  'placement:resource_providers:usages',
  'placement:traits:list',
  'placement:traits:show',
  'placement:traits:update',
  'placement:traits:delete',
  'placement:resource_providers:traits:list',
  'placement:resource_providers:traits:update',
  'placement:resource_providers:traits:delete',
  'placement:allocations:manage',
  'placement:allocations:list',
  'placement:allocations:update',
  'placement:allocations:delete',
  'placement:resource_providers:allocations:list',
  'placement:allocation_candidates:list',
  'placement:reshaper:reshape',
];

/** @see placement's policies/ */
export const placementPolicy: readonly PolicyRule[] = [
  { name: 'admin_api', check: 'role:admin' },
  { name: 'service_api', check: 'role:service' },
  { name: 'admin_or_service_api', check: 'role:admin or role:service' },
  { name: 'project_reader_api', check: 'role:reader and project_id:%(project_id)s' },
  ...managed.map((name) => ({ name, check: ADMIN_OR_SERVICE })),
  { name: 'placement:usages', check: 'role:admin or rule:project_reader_api or role:service' },
];
