import { fromJson } from '#kernel/db/json.ts';
import type { V3Url } from '../views.ts';
import type { MappingRow, ProtocolRow, ProviderRow, ServiceProviderRow } from './tables.ts';

const base = (v3Url: V3Url): string => `${v3Url}/OS-FEDERATION`;

export function showProvider(row: ProviderRow, v3Url: V3Url): Record<string, unknown> {
  const self = `${base(v3Url)}/identity_providers/${row.id}`;
  return {
    id: row.id,
    enabled: row.enabled === 1,
    description: row.description,
    domain_id: row.domain_id,
    authorization_ttl: row.authorization_ttl,
    remote_ids: fromJson(row.remote_ids),
    links: { self, protocols: `${self}/protocols` },
  };
}

export function showProtocol(row: ProtocolRow, v3Url: V3Url): Record<string, unknown> {
  const provider = `${base(v3Url)}/identity_providers/${row.idp_id}`;
  return {
    id: row.id,
    mapping_id: row.mapping_id,
    remote_id_attribute: row.remote_id_attribute,
    links: { self: `${provider}/protocols/${row.id}`, identity_provider: provider },
  };
}

export function showMapping(row: MappingRow, v3Url: V3Url): Record<string, unknown> {
  return { id: row.id, rules: fromJson(row.rules), links: { self: `${base(v3Url)}/mappings/${row.id}` } };
}

export function showServiceProvider(row: ServiceProviderRow, v3Url: V3Url): Record<string, unknown> {
  return {
    ...row,
    enabled: row.enabled === 1,
    links: { self: `${base(v3Url)}/service_providers/${row.id}` },
  };
}
