import { columns } from '#kernel/db/columns.ts';
import type { Bit, JsonText } from '#kernel/db/json.ts';
import type { Migrations } from '#kernel/db/migrate.ts';
import type { DomainId, UserId } from '#kernel/ids.ts';
import type { MappingRule } from './mapping.ts';

export interface FederationTables {
  identity_providers: ProviderRow;
  federation_protocols: ProtocolRow;
  federation_mappings: MappingRow;
  service_providers: ServiceProviderRow;
  federated_users: FederatedUserRow;
}

/** Somebody else who knows who people are. */
export interface ProviderRow {
  id: string;
  enabled: Bit;
  description: string | null;
  /** Where its users live. */
  domain_id: DomainId;
  /** Minutes. */
  authorization_ttl: number | null;
  /** How it names itself, such as an OpenID issuer. */
  remote_ids: JsonText<readonly string[]>;
}

export interface ProtocolRow {
  id: string;
  idp_id: string;
  mapping_id: string;
  remote_id_attribute: string | null;
}

export interface MappingRow {
  id: string;
  rules: JsonText<readonly MappingRule[]>;
}

export interface ServiceProviderRow {
  id: string;
  auth_url: string;
  sp_url: string;
  enabled: Bit;
  description: string | null;
  relay_state_prefix: string | null;
}

/** The user here who is somebody there. */
export interface FederatedUserRow {
  idp_id: string;
  protocol_id: string;
  unique_id: string;
  user_id: UserId;
}

export const federationMigrations: Migrations = {
  'identity-0016-federation': {
    up: async (db) => {
      await db.schema
        .createTable('identity_providers')
        .ifNotExists()
        .addColumn('id', 'varchar(64)', (c) => c.primaryKey())
        .addColumn('enabled', columns.bit, (c) => c.notNull())
        .addColumn('description', columns.text)
        .addColumn('domain_id', 'varchar(64)', (c) => c.notNull())
        .addColumn('authorization_ttl', columns.int)
        .addColumn('remote_ids', columns.json, (c) => c.notNull())
        .execute();
      await db.schema
        .createTable('federation_mappings')
        .ifNotExists()
        .addColumn('id', 'varchar(64)', (c) => c.primaryKey())
        .addColumn('rules', columns.json, (c) => c.notNull())
        .execute();
      await db.schema
        .createTable('federation_protocols')
        .ifNotExists()
        .addColumn('id', 'varchar(64)', (c) => c.notNull())
        .addColumn('idp_id', 'varchar(64)', (c) => c.notNull().references('identity_providers.id').onDelete('cascade'))
        .addColumn('mapping_id', 'varchar(64)', (c) => c.notNull())
        .addColumn('remote_id_attribute', 'varchar(64)')
        .addPrimaryKeyConstraint('federation_protocols_key', ['idp_id', 'id'])
        .execute();
      await db.schema
        .createTable('service_providers')
        .ifNotExists()
        .addColumn('id', 'varchar(64)', (c) => c.primaryKey())
        .addColumn('auth_url', columns.name, (c) => c.notNull())
        .addColumn('sp_url', columns.name, (c) => c.notNull())
        .addColumn('enabled', columns.bit, (c) => c.notNull())
        .addColumn('description', columns.text)
        .addColumn('relay_state_prefix', columns.name)
        .execute();
      await db.schema
        .createTable('federated_users')
        .ifNotExists()
        .addColumn('idp_id', 'varchar(64)', (c) => c.notNull().references('identity_providers.id').onDelete('cascade'))
        .addColumn('protocol_id', 'varchar(64)', (c) => c.notNull())
        .addColumn('unique_id', columns.name, (c) => c.notNull())
        .addColumn('user_id', 'varchar(64)', (c) => c.notNull().references('users.id').onDelete('cascade'))
        .addPrimaryKeyConstraint('federated_users_key', ['idp_id', 'protocol_id', 'unique_id'])
        .execute();
    },
    down: async (db) => {
      for (const table of [
        'federated_users',
        'service_providers',
        'federation_protocols',
        'federation_mappings',
        'identity_providers',
      ])
        await db.schema.dropTable(table).ifExists().execute();
    },
  },
};
