import { columns } from '#kernel/db/columns.ts';
import type { Migrations } from '#kernel/db/migrate.ts';
import { insertNamespaces, insertStockNamespaces } from './stock.ts';
import { USUAL } from './usual.ts';

export const metadefMigrations: Migrations = {
  'image-0003-metadefs': {
    up: async (db) => {
      await db.schema
        .createTable('metadef_namespaces')
        .ifNotExists()
        .addColumn('id', columns.id, (c) => c.primaryKey())
        .addColumn('namespace', columns.name, (c) => c.notNull().unique())
        .addColumn('display_name', columns.name)
        .addColumn('description', columns.text)
        .addColumn('visibility', columns.name, (c) => c.notNull())
        .addColumn('is_protected', columns.bit, (c) => c.notNull())
        .addColumn('owner', columns.name)
        .addColumn('created_at', columns.big, (c) => c.notNull())
        .addColumn('updated_at', columns.big, (c) => c.notNull())
        .execute();
      await db.schema
        .createTable('metadef_items')
        .ifNotExists()
        .addColumn('namespace_id', columns.id, (c) => c.notNull())
        .addColumn('kind', 'varchar(16)', (c) => c.notNull())
        .addColumn('name', columns.name, (c) => c.notNull())
        .addColumn('body', columns.json, (c) => c.notNull())
        .addColumn('created_at', columns.big, (c) => c.notNull())
        .addColumn('updated_at', columns.big, (c) => c.notNull())
        .addPrimaryKeyConstraint('metadef_items_pk', ['namespace_id', 'kind', 'name'])
        .execute();
      await db.schema
        .createTable('metadef_resource_types')
        .ifNotExists()
        .addColumn('name', columns.name, (c) => c.primaryKey())
        .addColumn('created_at', columns.big, (c) => c.notNull())
        .addColumn('updated_at', columns.big, (c) => c.notNull())
        .execute();
      await db.schema
        .createTable('metadef_associations')
        .ifNotExists()
        .addColumn('namespace_id', columns.id, (c) => c.notNull())
        .addColumn('resource_type', columns.name, (c) => c.notNull())
        .addColumn('prefix', columns.name)
        .addColumn('properties_target', columns.name)
        .addColumn('created_at', columns.big, (c) => c.notNull())
        .addColumn('updated_at', columns.big, (c) => c.notNull())
        .addPrimaryKeyConstraint('metadef_associations_pk', ['namespace_id', 'resource_type'])
        .execute();
    },
    down: async (db) => {
      for (const table of ['metadef_associations', 'metadef_resource_types', 'metadef_items', 'metadef_namespaces']) {
        await db.schema.dropTable(table).ifExists().execute();
      }
    },
  },
  'image-0004-stock-metadefs': { up: insertStockNamespaces, down: async () => undefined },
  'image-0007-usual-metadefs': { up: (db) => insertNamespaces(db, USUAL), down: async () => undefined },
};
