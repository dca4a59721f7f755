import type { PolicyRule } from '#kernel/auth/policy.ts';
import { adminRule, readerRule } from '../policy-rules.ts';

export const storedPolicyPolicy: readonly PolicyRule[] = [
  readerRule('identity:get_policy'),
  readerRule('identity:list_policies'),
  adminRule('identity:create_policy'),
  adminRule('identity:update_policy'),
  adminRule('identity:delete_policy'),
  adminRule('identity:create_policy_association_for_endpoint'),
  readerRule('identity:check_policy_association_for_endpoint'),
  adminRule('identity:delete_policy_association_for_endpoint'),
  adminRule('identity:create_policy_association_for_service'),
  readerRule('identity:check_policy_association_for_service'),
  adminRule('identity:delete_policy_association_for_service'),
  adminRule('identity:create_policy_association_for_region_and_service'),
  readerRule('identity:check_policy_association_for_region_and_service'),
  adminRule('identity:delete_policy_association_for_region_and_service'),
  readerRule('identity:get_policy_for_endpoint'),
  readerRule('identity:list_endpoints_for_policy'),
];
