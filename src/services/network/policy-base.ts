import type { PolicyRule } from '#kernel/auth/policy.ts';

/** neutron's common checks (neutron/conf/policies/base.py), for the new defaults. */
export const ADMIN = 'rule:admin_only';
export const MEMBER = 'role:member and project_id:%(project_id)s';
export const READER = 'role:reader and project_id:%(project_id)s';
export const ADMIN_OR_MEMBER = `(${ADMIN}) or (${MEMBER})`;
export const ADMIN_OR_READER = `(${ADMIN}) or (${READER})`;
export const NET_OWNER = 'rule:network_owner';
export const NET_OWNER_MEMBER = `role:member and ${NET_OWNER}`;
export const ADVSVC = 'rule:context_is_advsvc';
export const ANY_READER = 'role:reader';

export const basePolicy: PolicyRule[] = [
  { name: 'context_is_admin', check: 'role:admin' },
  { name: 'owner', check: 'project_id:%(project_id)s' },
  { name: 'admin_or_owner', check: 'rule:context_is_admin or rule:owner' },
  { name: 'context_is_advsvc', check: 'role:advsvc' },
  { name: 'network_owner', check: 'project_id:%(network:project_id)s' },
  { name: 'admin_or_network_owner', check: 'rule:context_is_admin or rule:network_owner' },
  { name: 'sg_owner', check: 'project_id:%(security_group:project_id)s' },
  { name: 'ext_parent_owner', check: 'project_id:%(ext_parent:project_id)s' },
  { name: 'admin_only', check: 'rule:context_is_admin' },
  { name: 'regular_user', check: '' },
  { name: 'shared', check: 'field:networks:shared=True' },
  { name: 'default', check: 'rule:admin_or_owner' },
];

/** The five plain rules of a resource that its project owns. */
export function ownedPolicy(singular: string, extra: { readonly get?: string } = {}): PolicyRule[] {
  return [
    { name: `create_${singular}`, check: ADMIN_OR_MEMBER, scopes: ['project'] },
    { name: `get_${singular}`, check: extra.get ?? ADMIN_OR_READER, scopes: ['project'] },
    { name: `update_${singular}`, check: ADMIN_OR_MEMBER, scopes: ['project'] },
    { name: `delete_${singular}`, check: ADMIN_OR_MEMBER, scopes: ['project'] },
  ];
}

/** Rules for administrators alone. */
export function adminPolicy(...names: readonly string[]): PolicyRule[] {
  return names.map((name) => ({ name, check: ADMIN, scopes: ['project'] }));
}
