import type { Db } from '#kernel/db/database.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { BadRequest, Conflict, NotFound } from '#kernel/errors.ts';
import type { PlacementDeps } from '../deps.ts';
import { isClassInUse } from '../inventories/store.ts';
import { STANDARD_RESOURCE_CLASSES } from '../standard-names.ts';
import type { PlacementTables } from '../tables.ts';
import { deleteCustomClass, insertCustomClass, listCustomClasses, renameCustomClass } from './store.ts';

export async function listResourceClasses(db: Db<PlacementTables>): Promise<string[]> {
  return [...STANDARD_RESOURCE_CLASSES, ...(await listCustomClasses(db))];
}

/** @throws {BadRequest} naming the first class that nobody knows, after the given words. */
export async function requireKnownClasses(
  db: Db<PlacementTables>,
  names: readonly string[],
  words: string,
): Promise<void> {
  const unknown = await findUnknownClass(db, names);
  if (unknown !== undefined)
    throw new BadRequest('placement.undefined_code', `${words}No such resource class ${unknown}.`);
}

export async function findUnknownClass(db: Db<PlacementTables>, names: readonly string[]): Promise<string | undefined> {
  const unusual = names.filter((name) => !STANDARD_RESOURCE_CLASSES.includes(name));
  if (unusual.length === 0) return undefined;
  const custom = await listCustomClasses(db);
  return unusual.find((name) => !custom.includes(name));
}

/** @throws {NotFound}. */
export async function requireClass(db: Db<PlacementTables>, name: string): Promise<void> {
  if ((await findUnknownClass(db, [name])) !== undefined)
    throw new NotFound('placement.undefined_code', `No such resource class ${name}.`);
}

/** @throws {Conflict} when it is there already. */
export async function createResourceClass(deps: PlacementDeps, name: string): Promise<void> {
  if (!(await insertCustomClass(deps.db, name, deps.clock.now().getTime())))
    throw new Conflict('placement.undefined_code', `Conflicting resource class already exists: ${name}`);
}

/** Returns whether it is new. */
export async function ensureResourceClass(deps: PlacementDeps, name: string): Promise<boolean> {
  return insertCustomClass(deps.db, name, deps.clock.now().getTime());
}

export async function renameResourceClass(deps: PlacementDeps, from: string, to: string): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    await requireClass(tx, from);
    if (STANDARD_RESOURCE_CLASSES.includes(from))
      throw new BadRequest('placement.undefined_code', `Cannot update standard resource class ${from}`);
    if (from !== to && !(await renameCustomClass(tx, from, to)))
      throw new Conflict('placement.undefined_code', `Resource class already exists: ${to}`);
  });
}

export async function removeResourceClass(deps: PlacementDeps, name: string): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    await requireClass(tx, name);
    if (STANDARD_RESOURCE_CLASSES.includes(name))
      throw new BadRequest(
        'placement.undefined_code',
        `Error in delete resource class: Cannot delete standard resource class ${name}.`,
      );
    if (await isClassInUse(tx, name))
      throw new Conflict(
        'placement.undefined_code',
        `Error in delete resource class: Cannot delete resource class ${name}. Class is in use in inventory.`,
      );
    await deleteCustomClass(tx, name);
  });
}
