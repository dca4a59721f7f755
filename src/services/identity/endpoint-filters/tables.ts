import { columns } from '#kernel/db/columns.ts';
import type { JsonText } from '#kernel/db/json.ts';
import type { Migrations } from '#kernel/db/migrate.ts';
import type { Id, ProjectId } from '#kernel/ids.ts';
import type { EndpointId } from '../catalog/tables.ts';

export type EndpointGroupId = Id<'endpoint group'>;

export interface EndpointFilterTables {
  endpoint_groups: EndpointGroupRow;
  project_endpoints: { project_id: ProjectId; endpoint_id: EndpointId };
  project_endpoint_groups: { project_id: ProjectId; endpoint_group_id: EndpointGroupId };
}

export interface EndpointGroupRow {
  id: EndpointGroupId;
  name: string;
  description: string | null;
  filters: JsonText<EndpointGroupFilters>;
}

/** An endpoint belongs when all that is named is equal. */
export interface EndpointGroupFilters {
  readonly service_id?: unknown;
  readonly region_id?: unknown;
  readonly interface?: unknown;
}

export const endpointFilterMigrations: Migrations = {
  'identity-0012-endpoint-filters': {
    up: async (db) => {
      await db.schema
        .createTable('endpoint_groups')
        .ifNotExists()
        .addColumn('id', 'varchar(64)', (c) => c.primaryKey())
        .addColumn('name', columns.name, (c) => c.notNull())
        .addColumn('description', columns.text)
        .addColumn('filters', columns.json, (c) => c.notNull())
        .execute();
      await db.schema
        .createTable('project_endpoints')
        .ifNotExists()
        .addColumn('project_id', 'varchar(64)', (c) => c.notNull().references('projects.id').onDelete('cascade'))
        .addColumn('endpoint_id', 'varchar(64)', (c) => c.notNull().references('endpoints.id').onDelete('cascade'))
        .addPrimaryKeyConstraint('project_endpoints_key', ['project_id', 'endpoint_id'])
        .execute();
      await db.schema
        .createTable('project_endpoint_groups')
        .ifNotExists()
        .addColumn('project_id', 'varchar(64)', (c) => c.notNull().references('projects.id').onDelete('cascade'))
        .addColumn('endpoint_group_id', 'varchar(64)', (c) =>
          c.notNull().references('endpoint_groups.id').onDelete('cascade'),
        )
        .addPrimaryKeyConstraint('project_endpoint_groups_key', ['project_id', 'endpoint_group_id'])
        .execute();
    },
    down: async (db) => {
      for (const table of ['project_endpoint_groups', 'project_endpoints', 'endpoint_groups'])
        await db.schema.dropTable(table).ifExists().execute();
    },
  },
};
