import type { Expression, ExpressionBuilder, SqlBool } from 'kysely';
import type { Db } from '#kernel/db/database.ts';
import { applyPage, type SortKey } from '#kernel/db/page.ts';
import { unlessTaken } from '#kernel/db/transaction.ts';
import { Conflict, NotFound } from '#kernel/errors.ts';
import type { FlavorRow, FlavorTables } from './tables.ts';

/** A flavor with its extra specs. */
export interface Flavor extends FlavorRow {
  readonly extraSpecs: Readonly<Record<string, string>>;
}

/** Who looks: null sees every flavor, a project sees the public ones and those it has access to. */
export type FlavorViewer = string | null;

export interface FlavorFilter {
  readonly viewer: FlavorViewer;
  /** True: also those private ones that `projectId` has access to. Null: all. */
  readonly isPublic: boolean | null;
  readonly projectId: string | null;
  readonly minMemoryMib: number;
  readonly minRootGib: number;
}

/** The flavor as its viewer may see it, or undefined. */
export async function findFlavor(db: Db<FlavorTables>, id: string, viewer: FlavorViewer): Promise<Flavor | undefined> {
  const row = await db
    .selectFrom('flavors')
    .selectAll()
    .where('id', '=', id)
    .$if(viewer !== null, (query) => query.where((eb) => isVisible(eb, viewer ?? '')))
    .executeTakeFirst();
  return row === undefined ? undefined : (await withExtraSpecs(db, [row]))[0];
}

/** @throws {NotFound} `compute.flavor.absent` when there is none that the viewer may see. */
export async function getFlavor(db: Db<FlavorTables>, id: string, viewer: FlavorViewer): Promise<Flavor> {
  const flavor = await findFlavor(db, id, viewer);
  if (flavor === undefined)
    throw new NotFound('compute.flavor.absent', `Flavor ${id.slice(0, 255)} could not be found.`);
  return flavor;
}

/** One page of the flavors that fit; `keys` ends with a unique column. */
export async function listFlavors(
  db: Db<FlavorTables>,
  filter: FlavorFilter,
  page: { readonly keys: readonly SortKey[]; readonly marker?: Flavor | undefined; readonly limit: number },
): Promise<Flavor[]> {
  const { isPublic, projectId } = filter;
  const query = db
    .selectFrom('flavors')
    .selectAll()
    .where('memory_mib', '>=', filter.minMemoryMib)
    .where('root_gib', '>=', filter.minRootGib)
    .$if(isPublic === false, (q) => q.where('is_public', '=', 0))
    .$if(isPublic === true, (q) => q.where((eb) => isVisible(eb, projectId ?? '')))
    .$if(filter.viewer !== null, (q) =>
      q.where('is_disabled', '=', 0).where((eb) => isVisible(eb, filter.viewer ?? '')),
    );
  const marker = page.marker as Readonly<Record<string, unknown>> | undefined;
  return withExtraSpecs(db, await applyPage(query, { ...page, marker }).execute());
}

function isVisible(eb: ExpressionBuilder<FlavorTables, 'flavors'>, projectId: string): Expression<SqlBool> {
  return eb.or([
    eb('is_public', '=', 1),
    eb.exists(
      eb
        .selectFrom('flavor_access')
        .select('flavor_access.project_id')
        .whereRef('flavor_access.flavor_id', '=', 'flavors.id')
        .where('flavor_access.project_id', '=', projectId),
    ),
  ]);
}

async function withExtraSpecs(db: Db<FlavorTables>, rows: readonly FlavorRow[]): Promise<Flavor[]> {
  const ids = rows.map((row) => row.id);
  const specs =
    ids.length === 0
      ? []
      : await db
          .selectFrom('flavor_extra_specs')
          .selectAll()
          .where('flavor_id', 'in', ids)
          .orderBy('flavor_id')
          .orderBy('name')
          .execute();
  const byFlavor = Map.groupBy(specs, (spec) => spec.flavor_id);
  return rows.map((row) => ({
    ...row,
    extraSpecs: Object.fromEntries((byFlavor.get(row.id) ?? []).map((spec) => [spec.name, spec.value])),
  }));
}

/** @throws {Conflict} `compute.flavor.exists` when the name or id is taken. */
export async function insertFlavor(db: Db<FlavorTables>, row: FlavorRow): Promise<void> {
  if (await unlessTaken(db.insertInto('flavors').values(row).execute())) return;
  const taken = await db.selectFrom('flavors').select('id').where('id', '=', row.id).executeTakeFirst();
  const what = taken === undefined ? `name ${row.name}` : `ID ${row.id}`;
  throw new Conflict('compute.flavor.exists', `Flavor with ${what} already exists.`);
}

export async function updateFlavorDescription(
  db: Db<FlavorTables>,
  id: string,
  description: string | null,
): Promise<void> {
  await db.updateTable('flavors').set({ description }).where('id', '=', id).execute();
}

/** @throws {NotFound} `compute.flavor.absent` */
export async function deleteFlavor(db: Db<FlavorTables>, id: string): Promise<void> {
  const gone = await db.deleteFrom('flavors').where('id', '=', id).executeTakeFirst();
  if (gone.numDeletedRows === 0n)
    throw new NotFound('compute.flavor.absent', `Flavor ${id.slice(0, 255)} could not be found.`);
}

/** Sets extra specs, in the caller's transaction. */
export async function setExtraSpecs(
  tx: Db<FlavorTables>,
  flavorId: string,
  specs: Readonly<Record<string, string>>,
): Promise<void> {
  const names = Object.keys(specs);
  if (names.length === 0) return;
  await tx.deleteFrom('flavor_extra_specs').where('flavor_id', '=', flavorId).where('name', 'in', names).execute();
  const rows = Object.entries(specs).map(([name, value]) => ({ flavor_id: flavorId, name, value }));
  await tx.insertInto('flavor_extra_specs').values(rows).execute();
}

/** Whether there was one to delete. */
export async function deleteExtraSpec(db: Db<FlavorTables>, flavorId: string, name: string): Promise<boolean> {
  const gone = await db
    .deleteFrom('flavor_extra_specs')
    .where('flavor_id', '=', flavorId)
    .where('name', '=', name)
    .executeTakeFirst();
  return gone.numDeletedRows > 0n;
}

/** Projects that may use a private flavor, in the order of their ids. */
export async function listFlavorAccess(db: Db<FlavorTables>, flavorId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('flavor_access')
    .select('project_id')
    .where('flavor_id', '=', flavorId)
    .orderBy('project_id')
    .execute();
  return rows.map((row) => row.project_id);
}

/** @throws {Conflict} `compute.flavor.access_exists` */
export async function insertFlavorAccess(db: Db<FlavorTables>, flavorId: string, projectId: string): Promise<void> {
  if (
    await unlessTaken(db.insertInto('flavor_access').values({ flavor_id: flavorId, project_id: projectId }).execute())
  )
    return;
  throw new Conflict(
    'compute.flavor.access_exists',
    `Flavor access already exists for flavor ${flavorId} and project ${projectId} combination.`,
  );
}

/** @throws {NotFound} `compute.flavor.access_absent` */
export async function deleteFlavorAccess(db: Db<FlavorTables>, flavorId: string, projectId: string): Promise<void> {
  const gone = await db
    .deleteFrom('flavor_access')
    .where('flavor_id', '=', flavorId)
    .where('project_id', '=', projectId)
    .executeTakeFirst();
  if (gone.numDeletedRows > 0n) return;
  throw new NotFound(
    'compute.flavor.access_absent',
    `Flavor access not found for ${flavorId} / ${projectId} combination.`,
  );
}
