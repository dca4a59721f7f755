import type { Db } from '#kernel/db/database.ts';
import { unlessTaken } from '#kernel/db/transaction.ts';
import type { PlacementTables } from '../tables.ts';

export async function listCustomClasses(db: Db<PlacementTables>): Promise<string[]> {
  const rows = await db.selectFrom('placement_resource_classes').select('name').orderBy('name').execute();
  return rows.map((row) => row.name);
}

/** Adds a custom class. False: it is there already. */
export async function insertCustomClass(db: Db<PlacementTables>, name: string, nowMs: number): Promise<boolean> {
  return unlessTaken(
    db.insertInto('placement_resource_classes').values({ name, created_at: nowMs, updated_at: nowMs }).execute(),
  );
}

/** Renames a custom class wherever it stands. False: the new name is taken. */
export async function renameCustomClass(db: Db<PlacementTables>, from: string, to: string): Promise<boolean> {
  if (
    !(await unlessTaken(
      db.updateTable('placement_resource_classes').set({ name: to }).where('name', '=', from).execute(),
    ))
  )
    return false;
  for (const table of ['placement_inventories', 'placement_allocations'] as const)
    await db.updateTable(table).set({ resource_class: to }).where('resource_class', '=', from).execute();
  return true;
}

export async function deleteCustomClass(db: Db<PlacementTables>, name: string): Promise<void> {
  await db.deleteFrom('placement_resource_classes').where('name', '=', name).execute();
}
