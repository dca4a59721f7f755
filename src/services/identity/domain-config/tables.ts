import { columns } from '#kernel/db/columns.ts';
import type { JsonText } from '#kernel/db/json.ts';
import type { Migrations } from '#kernel/db/migrate.ts';
import type { DomainId } from '#kernel/ids.ts';

export interface DomainConfigTables {
  domain_config: DomainOptionRow;
}

export interface DomainOptionRow {
  domain_id: DomainId;
  option_group: string;
  option_name: string;
  /** Sealed where it is a secret. */
  value: JsonText<unknown>;
}

export const domainConfigMigrations: Migrations = {
  'identity-0013-domain-config': {
    up: (db) =>
      db.schema
        .createTable('domain_config')
        .ifNotExists()
        .addColumn('domain_id', 'varchar(64)', (c) => c.notNull().references('projects.id').onDelete('cascade'))
        .addColumn('option_group', 'varchar(64)', (c) => c.notNull())
        .addColumn('option_name', 'varchar(64)', (c) => c.notNull())
        .addColumn('value', columns.json, (c) => c.notNull())
        .addPrimaryKeyConstraint('domain_config_key', ['domain_id', 'option_group', 'option_name'])
        .execute(),
    down: (db) => db.schema.dropTable('domain_config').ifExists().execute(),
  },
};
