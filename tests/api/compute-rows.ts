/** Rows that tests put beneath the service, where only some of the columns matter to them. */
import { randomUUID } from 'node:crypto';
import type { Db } from '#kernel/db/database.ts';
import type { ComputeTables } from '#services/compute/index.ts';

/** Inserts servers and returns their ids; what isn't said is empty, 0 or null. */
export async function insertServers(
  db: Db<ComputeTables>,
  count: number,
  values: Partial<Omit<ComputeTables['servers'], 'id'>>,
): Promise<string[]> {
  const table = (await db.introspection.getTables()).find(({ name }) => name === 'servers');
  const needed = (table?.columns ?? []).filter((column) => !column.isNullable && !column.isAutoIncrementing);
  const empty = Object.fromEntries(needed.map((column) => [column.name, /int/i.test(column.dataType) ? 0 : '']));
  const flavor = JSON.stringify({ name: 'm1.test', rootGib: 1, ephemeralGib: 0, extraSpecs: {} });
  const ids = Array.from({ length: count }, () => randomUUID());
  for (const id of ids) {
    const row = { ...empty, name: `server-${id}`, vm_state: 'active', flavor, ...values, id };
    await db
      .insertInto('servers')
      .values(row as never)
      .execute();
  }
  return ids;
}
