import type { IdentityDeps } from '../deps.ts';
import { cut, limitOf, type Query } from '../query.ts';
import { readFilters } from '../store/filters.ts';
import { collection, type V3Url } from '../views.ts';
import {
  getMapping,
  getProtocol,
  getProvider,
  getServiceProvider,
  listMappings,
  listProtocols,
  listProviders,
  listServiceProviders,
} from './store.ts';
import type { MappingRow, ProtocolRow, ProviderRow, ServiceProviderRow } from './tables.ts';
import { showMapping, showProtocol, showProvider, showServiceProvider } from './view.ts';

/** @throws {NotFound} `identity.identity_provider.not_found`. */
export const readProvider = (deps: IdentityDeps, id: string): Promise<ProviderRow> => getProvider(deps.db, id);
/** @throws {NotFound} when the provider has no such protocol. */
export const readProtocol = (deps: IdentityDeps, idpId: string, id: string): Promise<ProtocolRow> =>
  getProtocol(deps.db, idpId, id);
/** @throws {NotFound} `identity.mapping.not_found`. */
export const readMapping = (deps: IdentityDeps, id: string): Promise<MappingRow> => getMapping(deps.db, id);
/** @throws {NotFound} `identity.service_provider.not_found`. */
export const readServiceProvider = (deps: IdentityDeps, id: string): Promise<ServiceProviderRow> =>
  getServiceProvider(deps.db, id);

export async function readProviders(deps: IdentityDeps, query: Query, v3Url: V3Url): Promise<Record<string, unknown>> {
  const limit = limitOf(query, deps.config.listLimit);
  const { rows, isTruncated } = cut(await listProviders(deps.db, readFilters(query, ['id', 'enabled']), limit), limit);
  const shown = rows.map((row) => showProvider(row, v3Url));
  return collection(v3Url, 'OS-FEDERATION/identity_providers', 'identity_providers', shown, isTruncated);
}

/** @throws {NotFound} `identity.identity_provider.not_found`. */
export async function readProtocols(deps: IdentityDeps, idpId: string, v3Url: V3Url): Promise<Record<string, unknown>> {
  await getProvider(deps.db, idpId);
  const shown = (await listProtocols(deps.db, idpId)).map((row) => showProtocol(row, v3Url));
  return collection(v3Url, `OS-FEDERATION/identity_providers/${idpId}/protocols`, 'protocols', shown);
}

export async function readMappings(deps: IdentityDeps, v3Url: V3Url): Promise<Record<string, unknown>> {
  const limit = deps.config.listLimit;
  const { rows, isTruncated } = cut(await listMappings(deps.db, limit), limit);
  const shown = rows.map((row) => showMapping(row, v3Url));
  return collection(v3Url, 'OS-FEDERATION/mappings', 'mappings', shown, isTruncated);
}

export async function readServiceProviders(
  deps: IdentityDeps,
  query: Query,
  v3Url: V3Url,
): Promise<Record<string, unknown>> {
  const limit = limitOf(query, deps.config.listLimit);
  const found = await listServiceProviders(deps.db, readFilters(query, ['id', 'enabled']), limit);
  const { rows, isTruncated } = cut(found, limit);
  const shown = rows.map((row) => showServiceProvider(row, v3Url));
  return collection(v3Url, 'OS-FEDERATION/service_providers', 'service_providers', shown, isTruncated);
}
