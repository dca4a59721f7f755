/** What MariaDB could do otherwise than SQLite, with several controllers over one database. */
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { columns } from '#kernel/db/columns.ts';
import { type DatabaseOptions, type Db, openDatabase } from '#kernel/db/database.ts';
import { isUniqueViolation } from '#kernel/db/failures.ts';
import { loadCopy } from '#kernel/db/load.ts';
import { type Migrations, migrateUp } from '#kernel/db/migrate.ts';
import { parseMysqlUrl } from '#kernel/db/mysql/address.ts';
import { openSnapshot } from '#kernel/db/snapshot.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { openTestDatabase } from '../support/database.ts';

interface Tables {
  things: { id: string; count: number };
}

const migrations: Migrations = {
  'things-0001': {
    up: async (db) => {
      await db.schema
        .createTable('things')
        .addColumn('id', columns.name, (c) => c.primaryKey())
        .addColumn('count', columns.int)
        .execute();
      await db.schema.createIndex('things_count').on('things').column('count').execute();
    },
  },
};
/** Longer than the server lets a silent transaction hold the others up. */
const IDLE_TEST_MS = 15_000;

let db: Db<Tables>;
let options: DatabaseOptions;
let other: Db<Tables>;
beforeEach(async () => {
  db = await openTestDatabase<Tables>(migrations);
  const { rows } = await sql<{ name: string }>`select database() as name`.execute(db);
  const address = parseMysqlUrl(process.env['PILEUS_TEST_DATABASE'] ?? '');
  options = { kind: 'mysql', ...address, database: rows[0]?.name ?? '' };
  other = openDatabase<Tables>(options);
  await db.insertInto('things').values({ id: 'a', count: 0 }).execute();
});
afterEach(async () => {
  await other.destroy();
  await db.destroy();
});

const countOf = async (tx: Db<Tables>): Promise<number> =>
  (await tx.selectFrom('things').select('count').where('id', '=', 'a').executeTakeFirstOrThrow()).count;
const setCount = (tx: Db<Tables>, count: number) =>
  tx.updateTable('things').set({ count }).where('id', '=', 'a').execute();

describe('two controllers over one database', () => {
  it('let transactions take turns: what one has read, no other changes before it ends', async () => {
    const increment = (handle: Db<Tables>) =>
      inTransaction(handle, async (tx) => setCount(tx, (await countOf(tx)) + 1));
    await Promise.all(Array.from({ length: 60 }, (_, i) => increment(i % 2 === 0 ? db : other)));
    expect(await countOf(other)).toBe(60);
  });

  it('run a transaction again whose connection is killed, and its work is there once', async () => {
    let attempts = 0;
    await inTransaction(db, async (tx) => {
      attempts++;
      const { rows } = await sql<{ id: number }>`select connection_id() as id`.execute(tx);
      await setCount(tx, (await countOf(tx)) + 1);
      if (attempts === 1) await sql`kill ${sql.lit(rows[0]?.id ?? 0)}`.execute(tx);
      await setCount(tx, (await countOf(tx)) + 1);
    });
    expect([attempts, await countOf(other)]).toEqual([2, 2]);
  });

  it(
    'do not wait for one that froze in a transaction',
    async () => {
      const frozen = other.connection().execute(async (connection) => {
        await sql`start transaction`.execute(connection);
        await sql`select n from pileus_turns where id = 1 for update`.execute(connection);
        await inTransaction(db, (tx) => setCount(tx, 7));
      });
      await frozen;
      expect(await countOf(db)).toBe(7);
    },
    IDLE_TEST_MS,
  );

  it('may migrate an empty database at the same time', async () => {
    const steps: Migrations = {
      ...migrations,
      'things-0002': {
        up: (handle) => handle.schema.alterTable('things').addColumn('more', columns.int).execute(),
        down: (handle) => handle.schema.alterTable('things').dropColumn('more').execute(),
      },
    };
    await Promise.all([migrateUp(db as Db, steps), migrateUp(other as Db, steps)]);
    // an older one goes on beside it
    await migrateUp(db as Db, migrations);
    await sql`alter table things drop column more`.execute(db);
    await sql`delete from kysely_migration where name = 'things-0002'`.execute(db);
  });
});

describe('a step of the schema', () => {
  it('that stopped in the middle can be run again', async () => {
    await sql`delete from kysely_migration`.execute(db);
    await sql`drop index things_count on things`.execute(db);
    await migrateUp(db as Db, migrations);
    const { rows } = await sql`show index from things where key_name = 'things_count'`.execute(db);
    expect(rows).toHaveLength(1);
  });
});

describe('text', () => {
  it('is told apart by case, accents and blanks at its end', async () => {
    for (const id of ['A', 'a ', 'ä', 'ａ']) await db.insertInto('things').values({ id, count: 1 }).execute();
    const again = await db
      .insertInto('things')
      .values({ id: 'a ', count: 1 })
      .execute()
      .catch((error: unknown) => error);
    expect(isUniqueViolation(again)).toBe(true);
    expect(await db.selectFrom('things').select('id').where('id', '=', 'a').execute()).toEqual([{ id: 'a' }]);
  });

  it('that ends a statement elsewhere is only text here', async () => {
    const id = '\\\'; drop table things; -- " ` \0 %';
    await db.insertInto('things').values({ id, count: 3 }).execute();
    expect(await db.selectFrom('things').select('count').where('id', '=', id).execute()).toEqual([{ count: 3 }]);
  });

  it('that is longer than its column is refused with 400', async () => {
    const long = db
      .insertInto('things')
      .values({ id: 'x'.repeat(300), count: 1 })
      .execute();
    await expect(long).rejects.toMatchObject({ status: 400, code: 'database.does_not_fit' });
  });
});

describe('an empty list', () => {
  it('has nothing in it, as in SQLite', async () => {
    expect(await db.selectFrom('things').select('id').where('id', 'in', []).execute()).toEqual([]);
    expect(await db.selectFrom('things').select('id').where('id', 'not in', []).execute()).toHaveLength(1);
  });
});

describe('a copy', () => {
  it('has what was there at one instant, and can be put into SQLite', async () => {
    const snapshot = await openSnapshot(options);
    await setCount(db, 5);
    const sqlite = openDatabase<Tables>({ kind: 'sqlite', file: ':memory:', durability: 'normal' });
    try {
      await loadCopy(sqlite as Db, 'sqlite', migrations, {
        ...snapshot,
        async load(insert) {
          for (const table of snapshot.tables)
            for await (const rows of snapshot.rows(table)) await insert({ table, rows });
        },
      });
      expect(await sqlite.selectFrom('things').selectAll().execute()).toEqual([{ id: 'a', count: 0 }]);
    } finally {
      await sqlite.destroy();
      await snapshot.close();
    }
  });
});
