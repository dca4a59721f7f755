import type { ApiRequest } from '#kernel/api/route.ts';
import { isoMicros, isoMicrosOrNull } from '#kernel/wire-times.ts';
import { compute } from '../microversions.ts';
import { linksOf } from '../roots.ts';
import type { MigrationWithHosts } from './store.ts';

const IN_PROGRESS = ['queued', 'preparing', 'running', 'post-migrating'];

/** @see nova/api/openstack/compute/migrations.py, _output */
export function migrationBody(request: ApiRequest, migration: MigrationWithHosts): Record<string, unknown> {
  const { has } = request;
  const isLive = migration.type === 'live-migration' && IN_PROGRESS.includes(migration.status);
  return {
    id: migration.number,
    ...(has(compute.migrationPaging) ? { uuid: migration.uuid } : {}),
    instance_uuid: migration.server_id,
    status: migration.status,
    ...(has(compute.liveMigrationDetails) ? { migration_type: migration.type } : {}),
    source_compute: migration.sourceName,
    source_node: migration.sourceName,
    dest_compute: migration.destName,
    dest_node: migration.destName,
    dest_host: migration.destAddress,
    // Numbers of nova's own database: there are none here.
    old_instance_type_id: null,
    new_instance_type_id: null,
    created_at: isoMicros(migration.created_at),
    updated_at: isoMicrosOrNull(migration.updated_at),
    ...(has(compute.migrationProject) ? { user_id: migration.user_id, project_id: migration.project_id } : {}),
    ...(has(compute.liveMigrationDetails) && isLive
      ? { links: linksOf(request, `servers/${migration.server_id}/migrations`, String(migration.number)) }
      : {}),
  };
}
