import type { PolicyRule } from '#kernel/auth/policy.ts';
import { ADMIN, ANY, PROJECT_MEMBER_OR_ADMIN, PROJECT_READER, PROJECT_READER_OR_ADMIN, rule } from '../policy-base.ts';

/** @see nova/policies/{security_groups,floating_ips,floating_ip_pools,networks,tenant_networks,server_external_events}.py */
export const proxyPolicy: readonly PolicyRule[] = [
  ...['get', 'show'].map((verb) => rule(`os-security-groups:${verb}`, PROJECT_READER_OR_ADMIN)),
  ...['create', 'update', 'delete', 'rule:create', 'rule:delete'].map((verb) =>
    rule(`os-security-groups:${verb}`, PROJECT_MEMBER_OR_ADMIN),
  ),
  ...['list', 'show'].map((verb) => rule(`os-floating-ips:${verb}`, PROJECT_READER_OR_ADMIN)),
  ...['create', 'delete', 'add', 'remove'].map((verb) => rule(`os-floating-ips:${verb}`, PROJECT_MEMBER_OR_ADMIN)),
  rule('os-floating-ip-pools', ANY),
  ...['list', 'show'].map((verb) => rule(`os-networks:${verb}`, PROJECT_READER_OR_ADMIN)),
  ...['list', 'show'].map((verb) => rule(`os-tenant-networks:${verb}`, PROJECT_READER)),
  rule('os-server-external-events:create', ADMIN),
];
