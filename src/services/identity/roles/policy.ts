import type { PolicyRule } from '#kernel/auth/policy.ts';
import { adminRule, readerRule } from '../policy-rules.ts';

export const rolePolicy: readonly PolicyRule[] = [
  readerRule('identity:get_implied_role'),
  readerRule('identity:list_implied_roles'),
  adminRule('identity:create_implied_role'),
  adminRule('identity:delete_implied_role'),
  readerRule('identity:list_role_inference_rules'),
  readerRule('identity:check_implied_role'),
  readerRule('identity:get_role'),
  readerRule('identity:list_roles'),
  adminRule('identity:create_role'),
  adminRule('identity:update_role'),
  adminRule('identity:delete_role'),
  readerRule('identity:get_domain_role'),
  readerRule('identity:list_domain_roles'),
  adminRule('identity:create_domain_role'),
  adminRule('identity:update_domain_role'),
  adminRule('identity:delete_domain_role'),
];
