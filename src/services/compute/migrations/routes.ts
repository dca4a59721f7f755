import { type Static, Type } from 'typebox';
import { type Route, route } from '#kernel/api/route.ts';
import { since } from '#kernel/api/schema.ts';
import type { ComputeDeps } from '../deps.ts';
import { queryOf } from '../fields.ts';
import { compute } from '../microversions.ts';
import { limitOf, nextLinks, pagingFields } from '../paging.ts';
import { findMigrations } from './logic.ts';
import { migrationBody } from './view.ts';

const Word = Type.Optional(Type.String());
const Time = Type.Optional(Type.String({ format: 'date-time' }));
const MigrationQuery = queryOf(
  {
    hidden: Word,
    host: Word,
    instance_uuid: Word,
    source_compute: Word,
    status: Word,
    migration_type: Word,
    limit: since(compute.migrationPaging, pagingFields.limit),
    marker: since(compute.migrationPaging, pagingFields.marker),
    'changes-since': since(compute.migrationPaging, Time),
    'changes-before': since(compute.changesBefore, Time),
    user_id: since(compute.migrationProject, Word),
    project_id: since(compute.migrationProject, Word),
  },
  compute.migrationPaging,
);
type MigrationQuery = Static<typeof MigrationQuery>;

/** @see https://docs.openstack.org/api-ref/compute/#migrations-os-migrations */
export const migrationRoutes = (deps: ComputeDeps): Route[] => [
  route({
    method: 'GET',
    path: '/os-migrations',
    name: 'listMigrations',
    policy: 'os_compute_api:os-migrations:index',
    query: MigrationQuery,
    handler: async (request) => {
      const { query } = request;
      const page = { marker: query.marker, limit: limitOf(query) };
      const found = await findMigrations(deps, filterOf(query), page);
      const ids = found.map(({ uuid }) => uuid);
      const links = request.has(compute.migrationPaging)
        ? nextLinks(request, 'os-migrations', { ids, limit: page.limit })
        : [];
      return {
        migrations: found.map((migration) => migrationBody(request, migration)),
        ...(links.length === 0 ? {} : { migrations_links: links }),
      };
    },
  }),
];

function filterOf(query: MigrationQuery): Parameters<typeof findMigrations>[1] {
  return {
    host: query.host,
    sourceHost: query.source_compute,
    serverId: query.instance_uuid,
    status: query.status,
    type: query.migration_type,
    userId: query.user_id,
    projectId: query.project_id,
    changedSince: timeOf(query['changes-since']),
    changedBefore: timeOf(query['changes-before']),
  };
}

function timeOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Date.parse(text);
}
