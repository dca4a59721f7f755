import type { PolicyRule } from '#kernel/auth/policy.ts';
import { adminRule, readerRule, rule } from '../policy-rules.ts';

export const catalogPolicy: readonly PolicyRule[] = [
  readerRule('identity:get_endpoint'),
  readerRule('identity:list_endpoints'),
  adminRule('identity:create_endpoint'),
  adminRule('identity:update_endpoint'),
  adminRule('identity:delete_endpoint'),
  rule('identity:get_region', '', ['system', 'domain', 'project']),
  rule('identity:list_regions', '', ['system', 'domain', 'project']),
  adminRule('identity:create_region'),
  adminRule('identity:update_region'),
  adminRule('identity:delete_region'),
  readerRule('identity:get_service'),
  readerRule('identity:list_services'),
  adminRule('identity:create_service'),
  adminRule('identity:update_service'),
  adminRule('identity:delete_service'),
];
