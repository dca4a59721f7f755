/**
 * A database of a test's own: SQLite in memory, or, where `PILEUS_TEST_DATABASE` is the address of a MariaDB server (see
 * `mariadb-server.ts`), one on that server.
 *
 * To make a hundred tables takes MariaDB longer than most tests do. So a database whose test has ended is emptied, and
 * given to the next test that wants the same schema; what the migrations had put in is kept beside it.
 */
import { createHash } from 'node:crypto';
import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
import { standStillFor } from '#kernel/clock.ts';
import { type Db, openDatabase, openWithMysql } from '#kernel/db/database.ts';
import { type Migrations, migrateUp } from '#kernel/db/migrate.ts';
import { type MysqlOptions, parseMysqlUrl } from '#kernel/db/mysql/address.ts';
import { createMysqlDialect } from '#kernel/db/mysql/dialect.ts';

/** The server to test with, as `mysql://root@localhost/pileus_tests?socket=…`; its database has the list of the others. */
const SERVER = process.env['PILEUS_TEST_DATABASE'] ?? '';

export const isTestedWithMariadb = SERVER !== '';

/** Opens a database that has this schema and nothing else; `destroy()` ends it. */
export async function openTestDatabase<Tables = unknown>(migrations: Migrations): Promise<Db<Tables>> {
  if (isTestedWithMariadb) return openOnServer<Tables>(migrations);
  const db = openDatabase<Tables>({ kind: 'sqlite', file: ':memory:', durability: 'normal' });
  await migrateUp(db as Db, migrations);
  return db;
}

async function openOnServer<Tables>(migrations: Migrations): Promise<Db<Tables>> {
  const server = await connectAsRoot();
  const schema = createHash('sha1')
    .update(JSON.stringify(Object.keys(migrations)))
    .digest('hex')
    .slice(0, 10);
  const used = await takeUsed(server, schema);
  const name = used ?? (await makeNew(server, schema));
  const db = openWatched<Tables>({ ...parseMysqlUrl(SERVER), database: name });
  if (used === undefined) {
    await migrateUp(db as Db, migrations);
    await keepSeeds(server, name);
  }
  const destroy = db.destroy.bind(db);
  let isDestroyed = false;
  db.destroy = async () => {
    await destroy();
    if (isDestroyed) return;
    isDestroyed = true;
    await restoreSeeds(server, name);
    await resetNumbers(server, name);
    await server.query('insert into free_databases values (?, ?)', [name, schema]);
    await server.end();
  };
  return db;
}

/** Clocks of tests wait for its answers. */
function openWatched<Tables>(options: MysqlOptions): Db<Tables> {
  const dialect = createMysqlDialect(options);
  return openWithMysql<Tables>({
    ...dialect,
    createDriver() {
      const driver = dialect.createDriver();
      return {
        init: () => driver.init(),
        async acquireConnection() {
          const connection = await driver.acquireConnection();
          const execute = connection.executeQuery.bind(connection);
          connection.executeQuery = (query) => standStillFor(execute(query));
          return connection;
        },
        releaseConnection: (connection) => driver.releaseConnection(connection),
        beginTransaction: (connection, settings) => standStillFor(driver.beginTransaction(connection, settings)),
        commitTransaction: (connection) => standStillFor(driver.commitTransaction(connection)),
        rollbackTransaction: (connection) => standStillFor(driver.rollbackTransaction(connection)),
        destroy: () => driver.destroy(),
      };
    },
  });
}

function connectAsRoot(): Promise<Connection> {
  const { servers, user, password, database } = parseMysqlUrl(SERVER);
  return createConnection({ ...servers[0], user, password, database });
}

async function takeUsed(server: Connection, schema: string): Promise<string | undefined> {
  const free = await namesOf(server, 'select name from free_databases where kind = ?', [schema]);
  for (const name of free) {
    const [taken] = await server.query('delete from free_databases where name = ?', [name]);
    if ('affectedRows' in taken && taken.affectedRows === 1) return name;
  }
  return undefined;
}

async function makeNew(server: Connection, schema: string): Promise<string> {
  const [made] = await server.query('insert into all_databases (kind) values (?)', [schema]);
  const name = `t${'insertId' in made ? made.insertId : 0}`;
  await server.query('create database ??', [name]);
  await server.query('create database ??', [`${name}_seed`]);
  return name;
}

/** Copies the tables that are not empty. */
async function keepSeeds(server: Connection, name: string): Promise<void> {
  for (const table of await tablesOf(server, name)) {
    const rows = await namesOf(server, 'select 1 as name from ?? limit 1', [`${name}.${table}`]);
    if (rows.length > 0)
      await server.query('create table ?? as select * from ??', [`${name}_seed.${table}`, `${name}.${table}`]);
  }
}

async function restoreSeeds(server: Connection, name: string): Promise<void> {
  const [tables, seeded] = [await tablesOf(server, name), await tablesOf(server, `${name}_seed`)];
  await server.query('set foreign_key_checks = 0');
  const touched = await namesOf(
    server,
    tables.map((table) => `(select '${table}' as name from \`${name}\`.\`${table}\` limit 1)`).join(' union all '),
    [],
  );
  for (const table of new Set([...touched, ...seeded])) {
    await server.query('delete from ??', [`${name}.${table}`]);
    if (seeded.includes(table)) {
      await server.query('insert into ?? select * from ??', [`${name}.${table}`, `${name}_seed.${table}`]);
    }
  }
}

/** Numbers that a database gives begin again at 1. */
async function resetNumbers(server: Connection, name: string): Promise<void> {
  const sql = 'select table_name as name from information_schema.tables where table_schema = ? and auto_increment > 1';
  for (const table of await namesOf(server, sql, [name])) {
    await server.query('alter table ?? auto_increment = 1', [`${name}.${table}`]);
  }
}

function tablesOf(server: Connection, name: string): Promise<string[]> {
  return namesOf(server, 'select table_name as name from information_schema.tables where table_schema = ?', [name]);
}

async function namesOf(server: Connection, sql: string, values: readonly unknown[]): Promise<string[]> {
  const [rows] = await server.query<RowDataPacket[]>(sql, [...values]);
  return rows.map((row) => String(row['name']));
}
