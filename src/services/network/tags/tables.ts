import { columns } from '#kernel/db/columns.ts';
import type { Migrations } from '#kernel/db/migrate.ts';

export interface TagsTables {
  network_tags: { resource_id: string; tag: string };
}

export const tagsMigrations: Migrations = {
  'network-0012-tags': {
    up: async (db) => {
      await db.schema
        .createTable('network_tags')
        .ifNotExists()
        .addColumn('resource_id', columns.id, (c) => c.notNull())
        .addColumn('tag', columns.name, (c) => c.notNull())
        .addPrimaryKeyConstraint('network_tags_key', ['resource_id', 'tag'])
        .execute();
    },
    down: (db) => db.schema.dropTable('network_tags').ifExists().execute(),
  },
};
