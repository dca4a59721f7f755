import type { PolicyRule } from '#kernel/auth/policy.ts';
import { adminRule, readerRule, rule } from '../policy-rules.ts';

export const projectPolicy: readonly PolicyRule[] = [
  rule(
    'identity:get_domain',
    '(role:reader and system_scope:all) or token.domain.id:%(target.domain.id)s or token.project.domain.id:%(target.domain.id)s',
    ['system', 'domain', 'project'],
    'rule:admin_required or token.project.domain.id:%(target.domain.id)s',
  ),
  readerRule('identity:list_domains'),
  adminRule('identity:create_domain'),
  adminRule('identity:update_domain'),
  adminRule('identity:delete_domain'),
  rule(
    'identity:get_project',
    '(role:reader and system_scope:all) or (role:reader and domain_id:%(target.project.domain_id)s) or project_id:%(target.project.id)s',
    ['system', 'domain', 'project'],
    'rule:admin_required or project_id:%(target.project.id)s',
  ),
  rule(
    'identity:list_projects',
    '(role:reader and system_scope:all) or (role:reader and domain_id:%(target.domain_id)s)',
    ['system', 'domain'],
    'rule:admin_required',
  ),
  rule(
    'identity:list_user_projects',
    '(role:reader and system_scope:all) or (role:reader and domain_id:%(target.user.domain_id)s) or user_id:%(target.user.id)s',
    ['system', 'domain', 'project'],
    'rule:admin_or_owner',
  ),
  rule(
    'identity:create_project',
    '(role:admin and system_scope:all) or (role:admin and domain_id:%(target.project.domain_id)s)',
    ['system', 'domain'],
    'rule:admin_required',
  ),
  rule(
    'identity:update_project',
    '(role:admin and system_scope:all) or (role:admin and domain_id:%(target.project.domain_id)s)',
    ['system', 'domain'],
    'rule:admin_required',
  ),
  rule(
    'identity:delete_project',
    '(role:admin and system_scope:all) or (role:admin and domain_id:%(target.project.domain_id)s)',
    ['system', 'domain'],
    'rule:admin_required',
  ),
  rule(
    'identity:list_project_tags',
    '(role:reader and system_scope:all) or (role:reader and domain_id:%(target.project.domain_id)s) or project_id:%(target.project.id)s',
    ['system', 'domain', 'project'],
    'rule:admin_required or project_id:%(target.project.id)s',
  ),
  rule(
    'identity:get_project_tag',
    '(role:reader and system_scope:all) or (role:reader and domain_id:%(target.project.domain_id)s) or project_id:%(target.project.id)s',
    ['system', 'domain', 'project'],
    'rule:admin_required or project_id:%(target.project.id)s',
  ),
  rule(
    'identity:update_project_tags',
    '(role:admin and system_scope:all) or (role:admin and domain_id:%(target.project.domain_id)s) or (role:admin and project_id:%(target.project.id)s)',
    ['system', 'domain', 'project'],
    'rule:admin_required',
  ),
  rule(
    'identity:create_project_tag',
    '(role:admin and system_scope:all) or (role:admin and domain_id:%(target.project.domain_id)s) or (role:admin and project_id:%(target.project.id)s)',
    ['system', 'domain', 'project'],
    'rule:admin_required',
  ),
  rule(
    'identity:delete_project_tags',
    '(role:admin and system_scope:all) or (role:admin and domain_id:%(target.project.domain_id)s) or (role:admin and project_id:%(target.project.id)s)',
    ['system', 'domain', 'project'],
    'rule:admin_required',
  ),
  rule(
    'identity:delete_project_tag',
    '(role:admin and system_scope:all) or (role:admin and domain_id:%(target.project.domain_id)s) or (role:admin and project_id:%(target.project.id)s)',
    ['system', 'domain', 'project'],
    'rule:admin_required',
  ),
];
