import { toBit, toJson } from '#kernel/db/json.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { newHexId } from '#kernel/ids.ts';
import { type IdentityDeps, nowMs } from '../deps.ts';
import { badRequest } from '../errors.ts';
import { getDomain, insertProject } from '../projects/store.ts';
import type { MappingRules, NewProvider, NewServiceProvider, ProviderChange, ServiceProviderChange } from './schema.ts';
import {
  deleteMapping,
  deleteProtocol,
  deleteProvider,
  deleteServiceProvider,
  getMapping,
  getProtocol,
  getProvider,
  getServiceProvider,
  insertMapping,
  insertProtocol,
  insertProvider,
  insertServiceProvider,
  updateMapping,
  updateProtocol,
  updateProvider,
  updateServiceProvider,
} from './store.ts';
import type { MappingRow, ProtocolRow, ProviderRow, ServiceProviderRow } from './tables.ts';

/** A provider without a domain gets one of its own. @throws {Conflict} when the id is taken; {NotFound} for the domain. */
export async function createProvider(deps: IdentityDeps, id: string, given: NewProvider): Promise<ProviderRow> {
  return inTransaction(deps.db, async (tx) => {
    const domainId = given.domain_id ?? newHexId();
    const row: ProviderRow = {
      id,
      enabled: toBit(given.enabled ?? false),
      description: given.description ?? null,
      domain_id: domainId,
      authorization_ttl: given.authorization_ttl ?? null,
      remote_ids: toJson(given.remote_ids ?? []),
    };
    if (given.domain_id) await getDomain(tx, domainId);
    await insertProvider(tx, row);
    if (!given.domain_id)
      await insertProject(tx, {
        id: domainId,
        domain_id: '',
        parent_id: null,
        name: domainId,
        description: 'Auto generated federated domain for Identity Provider: '.concat(id),
        enabled: 1,
        is_domain: 1,
        options: '{}',
        extra: '{}',
        created_at: nowMs(deps),
      });
    return row;
  });
}

/** Tokens of its users are void while it is disabled. @throws {NotFound} `identity.identity_provider.not_found`. */
export async function changeProvider(deps: IdentityDeps, id: string, given: ProviderChange): Promise<ProviderRow> {
  return inTransaction(deps.db, async (tx) => {
    const row = await getProvider(tx, id);
    const changed: ProviderRow = {
      ...row,
      ...(given.enabled === undefined ? {} : { enabled: toBit(given.enabled) }),
      ...(given.description === undefined ? {} : { description: given.description }),
      ...(given.authorization_ttl === undefined ? {} : { authorization_ttl: given.authorization_ttl }),
      ...(given.remote_ids === undefined ? {} : { remote_ids: toJson(given.remote_ids ?? []) }),
    };
    await updateProvider(tx, changed);
    await deps.forgetTokens(tx);
    return changed;
  });
}

/** @throws {NotFound} `identity.identity_provider.not_found`. */
export async function removeProvider(deps: IdentityDeps, id: string): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    await getProvider(tx, id);
    await deleteProvider(tx, id);
    await deps.forgetTokens(tx);
  });
}

/** @throws {NotFound} when the provider is not there; {Conflict} when it has the protocol. */
export async function createProtocol(
  deps: IdentityDeps,
  idpId: string,
  id: string,
  given: { readonly mapping_id: string; readonly remote_id_attribute?: string },
): Promise<ProtocolRow> {
  await getProvider(deps.db, idpId);
  const { mapping_id, remote_id_attribute = null } = given;
  const row: ProtocolRow = { id, idp_id: idpId, mapping_id, remote_id_attribute };
  await checkMapping(deps, mapping_id);
  await insertProtocol(deps.db, row);
  return row;
}

/** @throws {NotFound} when the provider has no such protocol. */
export async function changeProtocol(
  deps: IdentityDeps,
  idpId: string,
  id: string,
  given: { readonly mapping_id?: string; readonly remote_id_attribute?: string },
): Promise<ProtocolRow> {
  const row = { ...(await getProtocol(deps.db, idpId, id)), ...given };
  await checkMapping(deps, row.mapping_id);
  await updateProtocol(deps.db, row);
  return row;
}

/** @throws {NotFound} when the provider has no such protocol. */
export async function removeProtocol(deps: IdentityDeps, idpId: string, id: string): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    await getProtocol(tx, idpId, id);
    await deleteProtocol(tx, idpId, id);
    await deps.forgetTokens(tx);
  });
}

/** @throws {Conflict} when the id is taken; {BadRequest} for an expression that is none. */
export async function createMapping(deps: IdentityDeps, id: string, rules: MappingRules): Promise<MappingRow> {
  checkExpressions(rules);
  const row = { id, rules: toJson(rules) };
  await insertMapping(deps.db, row);
  return row;
}

/** @throws {NotFound} `identity.mapping.not_found`; {BadRequest} for an expression that is none. */
export async function changeMapping(deps: IdentityDeps, id: string, rules: MappingRules): Promise<MappingRow> {
  checkExpressions(rules);
  const row = { ...(await getMapping(deps.db, id)), rules: toJson(rules) };
  await updateMapping(deps.db, row);
  return row;
}

/** @throws {NotFound} `identity.mapping.not_found`. */
export async function removeMapping(deps: IdentityDeps, id: string): Promise<void> {
  await getMapping(deps.db, id);
  await deleteMapping(deps.db, id);
}

/** @throws {Conflict} when the id is taken. */
export async function createServiceProvider(
  deps: IdentityDeps,
  id: string,
  given: NewServiceProvider,
): Promise<ServiceProviderRow> {
  const row: ServiceProviderRow = {
    id,
    auth_url: given.auth_url,
    sp_url: given.sp_url,
    enabled: toBit(given.enabled ?? false),
    description: given.description ?? null,
    relay_state_prefix: given.relay_state_prefix ?? 'ss:mem:',
  };
  await insertServiceProvider(deps.db, row);
  return row;
}

/** @throws {NotFound} `identity.service_provider.not_found`. */
export async function changeServiceProvider(
  deps: IdentityDeps,
  id: string,
  given: ServiceProviderChange,
): Promise<ServiceProviderRow> {
  const row = await getServiceProvider(deps.db, id);
  const { enabled, ...others } = given;
  const changed = { ...row, ...others, ...(enabled === undefined ? {} : { enabled: toBit(enabled) }) };
  await updateServiceProvider(deps.db, changed);
  return changed;
}

/** @throws {NotFound} `identity.service_provider.not_found`. */
export async function removeServiceProvider(deps: IdentityDeps, id: string): Promise<void> {
  await getServiceProvider(deps.db, id);
  await deleteServiceProvider(deps.db, id);
}

async function checkMapping(deps: IdentityDeps, id: string): Promise<void> {
  await getMapping(deps.db, id).catch(() => {
    throw badRequest('federation.mapping', `Could not find mapping: ${id}.`);
  });
}

function checkExpressions(rules: MappingRules): void {
  for (const { remote } of rules) {
    for (const part of remote.filter(({ regex }) => regex === true)) {
      const lists = [part.any_one_of, part.not_any_of, part.blacklist, part.whitelist];
      for (const pattern of lists.flatMap((list) => list ?? [])) {
        try {
          new RegExp(pattern);
        } catch {
          throw badRequest('federation.regex', `'${pattern}' is not a regular expression`);
        }
      }
    }
  }
}
