import type { PolicyRule } from '#kernel/auth/policy.ts';
import { adminRule, readerRule, rule } from '../policy-rules.ts';

export const domainConfigPolicy: readonly PolicyRule[] = [
  adminRule('identity:create_domain_config'),
  readerRule('identity:get_domain_config'),
  rule('identity:get_security_compliance_domain_config', '', ['system', 'domain', 'project']),
  adminRule('identity:update_domain_config'),
  adminRule('identity:delete_domain_config'),
  readerRule('identity:get_domain_config_default'),
];
