import type { PolicyRule } from '#kernel/auth/policy.ts';
import { adminRule, readerRule } from '../policy-rules.ts';

export const federationPolicy: readonly PolicyRule[] = [
  adminRule('identity:create_identity_provider'),
  readerRule('identity:list_identity_providers'),
  readerRule('identity:get_identity_provider'),
  adminRule('identity:update_identity_provider'),
  adminRule('identity:delete_identity_provider'),
  adminRule('identity:create_mapping'),
  readerRule('identity:get_mapping'),
  readerRule('identity:list_mappings'),
  adminRule('identity:delete_mapping'),
  adminRule('identity:update_mapping'),
  adminRule('identity:create_protocol'),
  adminRule('identity:update_protocol'),
  readerRule('identity:get_protocol'),
  readerRule('identity:list_protocols'),
  adminRule('identity:delete_protocol'),
  adminRule('identity:create_service_provider'),
  readerRule('identity:list_service_providers'),
  readerRule('identity:get_service_provider'),
  adminRule('identity:update_service_provider'),
  adminRule('identity:delete_service_provider'),
];
