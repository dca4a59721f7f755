import { columns } from '#kernel/db/columns.ts';
import type { JsonText } from '#kernel/db/json.ts';
import type { Migrations } from '#kernel/db/migrate.ts';
import type { DomainId, Id, UserId } from '#kernel/ids.ts';

export type GroupId = Id<'group'>;

export interface GroupTables {
  groups: GroupRow;
  group_members: { group_id: GroupId; user_id: UserId };
}

export interface GroupRow {
  id: GroupId;
  domain_id: DomainId;
  name: string;
  description: string;
  extra: JsonText<Record<string, unknown>>;
}

export const groupMigrations: Migrations = {
  'identity-0003-groups': {
    up: async (db) => {
      await db.schema
        .createTable('groups')
        .ifNotExists()
        .addColumn('id', 'varchar(64)', (c) => c.primaryKey())
        .addColumn('domain_id', 'varchar(64)', (c) => c.notNull())
        .addColumn('name', 'varchar(64)', (c) => c.notNull())
        .addColumn('description', columns.text, (c) => c.notNull())
        .addColumn('extra', columns.json, (c) => c.notNull())
        .addUniqueConstraint('groups_name', ['domain_id', 'name'])
        .execute();
      await db.schema
        .createTable('group_members')
        .ifNotExists()
        .addColumn('group_id', 'varchar(64)', (c) => c.notNull().references('groups.id').onDelete('cascade'))
        .addColumn('user_id', 'varchar(64)', (c) => c.notNull().references('users.id').onDelete('cascade'))
        .addPrimaryKeyConstraint('group_members_key', ['group_id', 'user_id'])
        .execute();
      await db.schema.createIndex('group_members_user').ifNotExists().on('group_members').column('user_id').execute();
    },
    down: async (db) => {
      await db.schema.dropTable('group_members').ifExists().execute();
      await db.schema.dropTable('groups').ifExists().execute();
    },
  },
};
