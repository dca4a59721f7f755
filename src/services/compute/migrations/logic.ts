import { BadRequest } from '#kernel/errors.ts';
import type { ComputeDeps } from '../deps.ts';
import { findMigration, listMigrations, type MigrationFilter, type MigrationWithHosts } from './store.ts';

/** @throws {BadRequest} `compute.marker`, `compute.invalid_input` */
export async function findMigrations(
  { db }: Pick<ComputeDeps, 'db'>,
  filter: MigrationFilter,
  { marker: uuid, limit }: { readonly marker: string | undefined; readonly limit: number },
): Promise<MigrationWithHosts[]> {
  const { changedSince, changedBefore } = filter;
  if (changedSince !== undefined && changedBefore !== undefined && changedBefore < changedSince) {
    throw new BadRequest(
      'compute.invalid_input',
      'The value of changes-since must be less than or equal to changes-before.',
    );
  }
  const marker = uuid === undefined ? undefined : await findMigration(db, uuid);
  if (uuid !== undefined && marker === undefined)
    throw new BadRequest('compute.marker', `Marker ${uuid.slice(0, 255)} could not be found.`);
  return listMigrations(db, filter, { marker, limit });
}
