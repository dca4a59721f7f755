/** What taking a copy of a MariaDB database, and filling one from a copy, need beyond plain SQL. */
import { sql } from 'kysely';
import type { Connection as CallbackConnection } from 'mysql2';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import type { Db } from '../database.ts';
import type { MysqlOptions } from './address.ts';
import { connectDirectly } from './connections.ts';
import { TURN_TABLE } from './dialect.ts';

type Value = string | number | Buffer | null;

export interface MysqlSnapshot {
  readonly tables: readonly string[];
  /** The whole of a table, at one instant for all of them. */
  rows(table: string): AsyncIterable<Readonly<Record<string, Value>>>;
  close(): Promise<void>;
}

/** Everything as it is now, read over one connection while others go on writing. */
export async function openMysqlSnapshot(options: MysqlOptions): Promise<MysqlSnapshot> {
  const connection = await connectDirectly(options);
  try {
    await connection.query('set session transaction isolation level repeatable read');
    // this transaction lives as long as the copy takes
    await connection.query('set session idle_transaction_timeout = 0');
    await connection.query('start transaction with consistent snapshot');
    const [found] = await connection.query<RowDataPacket[]>(
      "select table_name as name from information_schema.tables where table_schema = database() and table_type = 'BASE TABLE'",
    );
    return {
      tables: found.map((row) => String(row['name'])).filter((name) => name !== TURN_TABLE),
      rows: (table) => readAll(connection, table),
      close: () => connection.end(),
    };
  } catch (error) {
    connection.destroy();
    throw error;
  }
}

async function* readAll(connection: Connection, table: string): AsyncIterable<Readonly<Record<string, Value>>> {
  // only the connection under the promises streams; the types leave it out
  const { connection: plain } = connection as unknown as { readonly connection: CallbackConnection };
  const stream = plain.query('select * from ??', [table]).stream();
  for await (const row of stream) yield { ...(row as Record<string, Value>) };
}

export const mysqlForeignKeys = {
  async ignore(db: Db): Promise<void> {
    await sql`set session foreign_key_checks = 0`.execute(db);
  },
  /** @throws {Error} naming the tables when a row refers to one that is not there, which MariaDB does not look for itself. */
  async check(db: Db): Promise<void> {
    const { rows } =
      await sql<Reference>`select constraint_name as name, table_name as child, column_name as child_column,
        referenced_table_name as parent, referenced_column_name as parent_column
      from information_schema.key_column_usage
      where table_schema = database() and referenced_table_name is not null`.execute(db);
    for (const { child, child_column, parent, parent_column } of rows) {
      const [from, to] = [sql.ref(`c.${child_column}`), sql.ref(`p.${parent_column}`)];
      const broken = await sql`select 1 from ${sql.table(child)} c left join ${sql.table(parent)} p on ${from} = ${to}
        where ${from} is not null and ${to} is null limit 1`.execute(db);
      if (broken.rows.length > 0) throw new Error(`rows of ${child} refer to what is not there in ${parent}`);
    }
    await sql`set session foreign_key_checks = 1`.execute(db);
  },
};

/** Empties a database, so that one can be made in it from a copy. Whoever calls it has seen to it that the copy is whole. */
export async function dropAllTables(db: Db): Promise<void> {
  await db.connection().execute(async (connection) => {
    const { rows } = await sql<{ name: string }>`select table_name as name from information_schema.tables
      where table_schema = database() and table_name <> ${TURN_TABLE}`.execute(connection);
    await sql`set session foreign_key_checks = 0`.execute(connection);
    for (const { name } of rows) await sql`drop table if exists ${sql.table(name)}`.execute(connection);
    await sql`set session foreign_key_checks = 1`.execute(connection);
  });
}

interface Reference {
  readonly name: string;
  readonly child: string;
  readonly child_column: string;
  readonly parent: string;
  readonly parent_column: string;
}
