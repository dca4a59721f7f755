import type { Db } from '#kernel/db/database.ts';
import { unlessTaken } from '#kernel/db/transaction.ts';
import { NotFound } from '#kernel/errors.ts';
import { conflict, notFound } from '../errors.ts';
import { applyFilters, type Filter } from '../store/filters.ts';
import type {
  FederatedUserRow,
  FederationTables,
  MappingRow,
  ProtocolRow,
  ProviderRow,
  ServiceProviderRow,
} from './tables.ts';

type FederationDb = Db<FederationTables>;

export function findProvider(db: FederationDb, id: string): Promise<ProviderRow | undefined> {
  return db.selectFrom('identity_providers').selectAll().where('id', '=', id).executeTakeFirst();
}

/** @throws {NotFound} `identity.identity_provider.not_found`. */
export async function getProvider(db: FederationDb, id: string): Promise<ProviderRow> {
  const row = await findProvider(db, id);
  if (row === undefined) throw notFound('Identity Provider', id);
  return row;
}

export function listProviders(db: FederationDb, filters: readonly Filter[], limit: number): Promise<ProviderRow[]> {
  const select = db
    .selectFrom('identity_providers')
    .selectAll()
    .orderBy('id')
    .limit(limit + 1);
  return applyFilters(select, 'identity_providers', filters).execute();
}

/** @throws {Conflict} `identity.identity_provider.conflict` when the id is taken. */
export async function insertProvider(db: FederationDb, row: ProviderRow): Promise<void> {
  await unique('identity_provider', row.id, () => db.insertInto('identity_providers').values(row).execute());
}

export async function updateProvider(db: FederationDb, row: ProviderRow): Promise<void> {
  await db.updateTable('identity_providers').set(row).where('id', '=', row.id).execute();
}

/** Its protocols go with it. */
export async function deleteProvider(db: FederationDb, id: string): Promise<void> {
  await db.deleteFrom('identity_providers').where('id', '=', id).execute();
}

export function findProtocol(db: FederationDb, idpId: string, id: string): Promise<ProtocolRow | undefined> {
  return db
    .selectFrom('federation_protocols')
    .selectAll()
    .where('idp_id', '=', idpId)
    .where('id', '=', id)
    .executeTakeFirst();
}

/** @throws {NotFound} `identity.federated_protocol.not_found`. */
export async function getProtocol(db: FederationDb, idpId: string, id: string): Promise<ProtocolRow> {
  const row = await findProtocol(db, idpId, id);
  if (row === undefined)
    throw new NotFound(
      'identity.federated_protocol.not_found',
      `Could not find federated protocol ${id} for Identity Provider: ${idpId}.`,
    );
  return row;
}

export function listProtocols(db: FederationDb, idpId: string): Promise<ProtocolRow[]> {
  return db.selectFrom('federation_protocols').selectAll().where('idp_id', '=', idpId).orderBy('id').execute();
}

/** @throws {Conflict} `identity.federation_protocol.conflict` when the provider has it. */
export async function insertProtocol(db: FederationDb, row: ProtocolRow): Promise<void> {
  await unique('federation_protocol', row.id, () => db.insertInto('federation_protocols').values(row).execute());
}

export async function updateProtocol(db: FederationDb, row: ProtocolRow): Promise<void> {
  await db
    .updateTable('federation_protocols')
    .set(row)
    .where('idp_id', '=', row.idp_id)
    .where('id', '=', row.id)
    .execute();
}

export async function deleteProtocol(db: FederationDb, idpId: string, id: string): Promise<void> {
  await db.deleteFrom('federation_protocols').where('idp_id', '=', idpId).where('id', '=', id).execute();
}

/** @throws {NotFound} `identity.mapping.not_found`. */
export async function getMapping(db: FederationDb, id: string): Promise<MappingRow> {
  const row = await db.selectFrom('federation_mappings').selectAll().where('id', '=', id).executeTakeFirst();
  if (row === undefined) throw notFound('mapping', id);
  return row;
}

export function listMappings(db: FederationDb, limit: number): Promise<MappingRow[]> {
  return db
    .selectFrom('federation_mappings')
    .selectAll()
    .orderBy('id')
    .limit(limit + 1)
    .execute();
}

/** @throws {Conflict} `identity.mapping.conflict` when the id is taken. */
export async function insertMapping(db: FederationDb, row: MappingRow): Promise<void> {
  await unique('mapping', row.id, () => db.insertInto('federation_mappings').values(row).execute());
}

export async function updateMapping(db: FederationDb, row: MappingRow): Promise<void> {
  await db.updateTable('federation_mappings').set(row).where('id', '=', row.id).execute();
}

export async function deleteMapping(db: FederationDb, id: string): Promise<void> {
  await db.deleteFrom('federation_mappings').where('id', '=', id).execute();
}

/** @throws {NotFound} `identity.service_provider.not_found`. */
export async function getServiceProvider(db: FederationDb, id: string): Promise<ServiceProviderRow> {
  const row = await db.selectFrom('service_providers').selectAll().where('id', '=', id).executeTakeFirst();
  if (row === undefined) throw notFound('Service Provider', id);
  return row;
}

export function listServiceProviders(
  db: FederationDb,
  filters: readonly Filter[],
  limit: number,
): Promise<ServiceProviderRow[]> {
  const select = db
    .selectFrom('service_providers')
    .selectAll()
    .orderBy('id')
    .limit(limit + 1);
  return applyFilters(select, 'service_providers', filters).execute();
}

/** @throws {Conflict} `identity.service_provider.conflict` when the id is taken. */
export async function insertServiceProvider(db: FederationDb, row: ServiceProviderRow): Promise<void> {
  await unique('service_provider', row.id, () => db.insertInto('service_providers').values(row).execute());
}

export async function updateServiceProvider(db: FederationDb, row: ServiceProviderRow): Promise<void> {
  await db.updateTable('service_providers').set(row).where('id', '=', row.id).execute();
}

export async function deleteServiceProvider(db: FederationDb, id: string): Promise<void> {
  await db.deleteFrom('service_providers').where('id', '=', id).execute();
}

export function findFederatedUser(
  db: FederationDb,
  who: Omit<FederatedUserRow, 'user_id'>,
): Promise<FederatedUserRow | undefined> {
  return db
    .selectFrom('federated_users')
    .selectAll()
    .where('idp_id', '=', who.idp_id)
    .where('protocol_id', '=', who.protocol_id)
    .where('unique_id', '=', who.unique_id)
    .executeTakeFirst();
}

/** @throws {Conflict} `identity.federated_user.conflict` when another user is that one. */
export async function insertFederatedUser(db: FederationDb, row: FederatedUserRow): Promise<void> {
  await unique('federated_user', row.unique_id, () => db.insertInto('federated_users').values(row).execute());
}

/** Everyone that a user is elsewhere, in the order of providers. */
export function listFederatedUsers(
  db: FederationDb,
  of: Partial<FederatedUserRow>,
  limit: number,
): Promise<FederatedUserRow[]> {
  let select = db
    .selectFrom('federated_users')
    .selectAll()
    .orderBy('idp_id')
    .orderBy('protocol_id')
    .orderBy('unique_id')
    .limit(limit);
  for (const key of ['user_id', 'idp_id', 'protocol_id', 'unique_id'] as const) {
    const value = of[key];
    if (value !== undefined) select = select.where(key, '=', value);
  }
  return select.execute();
}

export async function deleteFederatedUsers(db: FederationDb, userId: string): Promise<void> {
  await db.deleteFrom('federated_users').where('user_id', '=', userId).execute();
}

async function unique(kind: string, id: string, write: () => Promise<unknown>): Promise<void> {
  if (!(await unlessTaken(write()))) throw conflict(kind, `Duplicate entry found with ID ${id}`);
}
