import type { PolicyRule } from '#kernel/auth/policy.ts';
import { adminRule, readerRule, rule } from '../policy-rules.ts';

export const assignmentPolicy: readonly PolicyRule[] = [
  rule(
    'identity:check_grant',
    '(role:reader and system_scope:all) or ((role:reader and domain_id:%(target.user.domain_id)s and domain_id:%(target.project.domain_id)s) or (role:reader and domain_id:%(target.user.domain_id)s and domain_id:%(target.domain.id)s) or (role:reader and domain_id:%(target.group.domain_id)s and domain_id:%(target.project.domain_id)s) or (role:reader and domain_id:%(target.group.domain_id)s and domain_id:%(target.domain.id)s)) and (domain_id:%(target.role.domain_id)s or None:%(target.role.domain_id)s)',
    ['system', 'domain'],
    'rule:admin_required',
  ),
  rule(
    'identity:list_grants',
    '(role:reader and system_scope:all) or (role:reader and domain_id:%(target.user.domain_id)s and domain_id:%(target.project.domain_id)s) or (role:reader and domain_id:%(target.user.domain_id)s and domain_id:%(target.domain.id)s) or (role:reader and domain_id:%(target.group.domain_id)s and domain_id:%(target.project.domain_id)s) or (role:reader and domain_id:%(target.group.domain_id)s and domain_id:%(target.domain.id)s)',
    ['system', 'domain'],
    'rule:admin_required',
  ),
  rule(
    'identity:create_grant',
    '(role:admin and system_scope:all) or ((role:admin and domain_id:%(target.user.domain_id)s and domain_id:%(target.project.domain_id)s) or (role:admin and domain_id:%(target.user.domain_id)s and domain_id:%(target.domain.id)s) or (role:admin and domain_id:%(target.group.domain_id)s and domain_id:%(target.project.domain_id)s) or (role:admin and domain_id:%(target.group.domain_id)s and domain_id:%(target.domain.id)s)) and (domain_id:%(target.role.domain_id)s or None:%(target.role.domain_id)s)',
    ['system', 'domain'],
    'rule:admin_required',
  ),
  rule(
    'identity:revoke_grant',
    '(role:admin and system_scope:all) or ((role:admin and domain_id:%(target.user.domain_id)s and domain_id:%(target.project.domain_id)s) or (role:admin and domain_id:%(target.user.domain_id)s and domain_id:%(target.domain.id)s) or (role:admin and domain_id:%(target.group.domain_id)s and domain_id:%(target.project.domain_id)s) or (role:admin and domain_id:%(target.group.domain_id)s and domain_id:%(target.domain.id)s)) and (domain_id:%(target.role.domain_id)s or None:%(target.role.domain_id)s)',
    ['system', 'domain'],
    'rule:admin_required',
  ),
  readerRule('identity:list_system_grants_for_user'),
  readerRule('identity:check_system_grant_for_user'),
  adminRule('identity:create_system_grant_for_user'),
  adminRule('identity:revoke_system_grant_for_user'),
  readerRule('identity:list_system_grants_for_group'),
  readerRule('identity:check_system_grant_for_group'),
  adminRule('identity:create_system_grant_for_group'),
  adminRule('identity:revoke_system_grant_for_group'),
  rule(
    'identity:list_role_assignments',
    '(role:reader and system_scope:all) or (role:reader and domain_id:%(target.domain_id)s)',
    ['system', 'domain'],
    'rule:admin_required',
  ),
  rule(
    'identity:list_role_assignments_for_tree',
    '(role:reader and system_scope:all) or (role:reader and domain_id:%(target.project.domain_id)s) or (role:admin and project_id:%(target.project.id)s)',
    ['system', 'domain', 'project'],
    'rule:admin_required',
  ),
];
