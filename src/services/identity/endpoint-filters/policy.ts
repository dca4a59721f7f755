import type { PolicyRule } from '#kernel/auth/policy.ts';
import { adminRule, readerRule } from '../policy-rules.ts';

export const endpointFilterPolicy: readonly PolicyRule[] = [
  adminRule('identity:create_endpoint_group'),
  readerRule('identity:list_endpoint_groups'),
  readerRule('identity:get_endpoint_group'),
  adminRule('identity:update_endpoint_group'),
  adminRule('identity:delete_endpoint_group'),
  readerRule('identity:list_projects_associated_with_endpoint_group'),
  readerRule('identity:list_endpoints_associated_with_endpoint_group'),
  readerRule('identity:get_endpoint_group_in_project'),
  readerRule('identity:list_endpoint_groups_for_project'),
  adminRule('identity:add_endpoint_group_to_project'),
  adminRule('identity:remove_endpoint_group_from_project'),
  readerRule('identity:list_projects_for_endpoint'),
  adminRule('identity:add_endpoint_to_project'),
  readerRule('identity:check_endpoint_in_project'),
  readerRule('identity:list_endpoints_for_project'),
  adminRule('identity:remove_endpoint_from_project'),
];
