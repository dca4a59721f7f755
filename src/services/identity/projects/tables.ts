import { columns } from '#kernel/db/columns.ts';
import type { Bit, EpochMs, JsonText } from '#kernel/db/json.ts';
import type { Migrations } from '#kernel/db/migrate.ts';
import type { DomainId } from '#kernel/ids.ts';

/** Projects and domains alike: a domain is the project at the root of its tree. */
export interface ProjectTables {
  projects: ProjectRow;
  project_tags: { project_id: ProjectOrDomainId; name: string };
}

/** A domain is a project too, so that one id may have to stand for either kind. */
export type ProjectOrDomainId = string;

export interface ProjectRow {
  id: ProjectOrDomainId;
  /** Empty for a domain: unique keys do not hold for nulls. */
  domain_id: DomainId;
  /** Null for a domain. */
  parent_id: ProjectOrDomainId | null;
  name: string;
  description: string;
  enabled: Bit;
  is_domain: Bit;
  options: JsonText<Record<string, unknown>>;
  /** Whatever else the client gave: keystone keeps unknown attributes. */
  extra: JsonText<Record<string, unknown>>;
  created_at: EpochMs;
}

export const projectMigrations: Migrations = {
  'identity-0001-projects': {
    up: async (db) => {
      await db.schema
        .createTable('projects')
        .ifNotExists()
        .addColumn('id', 'varchar(64)', (c) => c.primaryKey())
        .addColumn('domain_id', 'varchar(64)', (c) => c.notNull())
        .addColumn('parent_id', 'varchar(64)')
        .addColumn('name', 'varchar(64)', (c) => c.notNull())
        .addColumn('description', columns.text, (c) => c.notNull())
        .addColumn('enabled', columns.bit, (c) => c.notNull())
        .addColumn('is_domain', columns.bit, (c) => c.notNull())
        .addColumn('options', columns.json, (c) => c.notNull())
        .addColumn('extra', columns.json, (c) => c.notNull())
        .addColumn('created_at', columns.big, (c) => c.notNull())
        .addUniqueConstraint('projects_name', ['domain_id', 'name'])
        .execute();
      await db.schema.createIndex('projects_parent').ifNotExists().on('projects').column('parent_id').execute();
      await db.schema
        .createTable('project_tags')
        .ifNotExists()
        .addColumn('project_id', 'varchar(64)', (c) => c.notNull().references('projects.id').onDelete('cascade'))
        .addColumn('name', columns.name, (c) => c.notNull())
        .addPrimaryKeyConstraint('project_tags_key', ['project_id', 'name'])
        .execute();
    },
    down: async (db) => {
      await db.schema.dropTable('project_tags').ifExists().execute();
      await db.schema.dropTable('projects').ifExists().execute();
    },
  },
};
