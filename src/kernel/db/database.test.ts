import { afterEach, describe, expect, it } from 'vitest';
import { openTestDatabase } from '#tests/support/database.ts';
import { columns } from './columns.ts';
import type { Db } from './database.ts';
import { isUniqueViolation } from './failures.ts';
import { migrateDown } from './migrate.ts';
import { inTransaction, unlessTaken } from './transaction.ts';

interface Tables {
  things: { id: string; count: number };
}

const migrations = {
  'things-0001': {
    up: async (db: Db) => {
      await db.schema
        .createTable('things')
        .addColumn('id', columns.id, (c) => c.primaryKey())
        .addColumn('count', columns.int)
        .execute();
    },
    down: async (db: Db) => {
      await db.schema.dropTable('things').execute();
    },
  },
};

const open: Db<Tables>[] = [];
async function database(): Promise<Db<Tables>> {
  const db = await openTestDatabase<Tables>(migrations);
  open.push(db);
  return db;
}
afterEach(async () => {
  for (const db of open.splice(0)) await db.destroy();
});

describe('the database', () => {
  it('undoes everything of a transaction that fails', async () => {
    const db = await database();
    const failing = inTransaction(db, async (tx) => {
      await tx.insertInto('things').values({ id: 'a', count: 1 }).execute();
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await db.selectFrom('things').selectAll().execute()).toEqual([]);
  });

  it('refuses a query on the plain handle inside a transaction instead of waiting for ever', async () => {
    const db = await database();
    const wrong = inTransaction(db, async () => {
      await db.selectFrom('things').selectAll().execute();
    });
    await expect(wrong).rejects.toThrow('pass the transaction handle on');
    await db.insertInto('things').values({ id: 'b', count: 1 }).execute();
  });

  it('lets transactions take turns', async () => {
    const db = await database();
    await db.insertInto('things').values({ id: 'a', count: 0 }).execute();
    const increment = (): Promise<void> =>
      inTransaction(db, async (tx) => {
        const { count } = await tx.selectFrom('things').select('count').where('id', '=', 'a').executeTakeFirstOrThrow();
        await tx
          .updateTable('things')
          .set({ count: count + 1 })
          .where('id', '=', 'a')
          .execute();
      });
    await Promise.all(Array.from({ length: 50 }, increment));
    expect(await db.selectFrom('things').select('count').executeTakeFirst()).toEqual({ count: 50 });
  });

  it('lets a transaction join the one it is given', async () => {
    const db = await database();
    await inTransaction(db, (tx) =>
      inTransaction(tx, (inner) => inner.insertInto('things').values({ id: 'a', count: 1 }).execute()),
    );
    expect(await db.selectFrom('things').select('id').execute()).toEqual([{ id: 'a' }]);
  });

  it('tells a taken unique key from other failures', async () => {
    const db = await database();
    const insert = (): Promise<unknown> => db.insertInto('things').values({ id: 'a', count: 1 }).execute();
    await insert();
    expect(isUniqueViolation(await insert().catch((error: unknown) => error))).toBe(true);
    expect(isUniqueViolation(new Error('other'))).toBe(false);
    expect(await unlessTaken(insert())).toBe(false);
    await expect(unlessTaken(Promise.reject(new Error('other')))).rejects.toThrow('other');
  });

  it('takes every schema step back', async () => {
    const db = await database();
    await migrateDown(db as Db, migrations);
    const tables = await db.introspection.getTables();
    expect(tables.map((table) => table.name)).not.toContain('things');
  });
});
