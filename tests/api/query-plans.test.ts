import Sqlite from 'better-sqlite3';
import { afterAll, describe, expect, it } from 'vitest';
import { createMigratedFile } from '../support/migrated-file.ts';
import { fullScansOf, judge, normalized } from '../support/query-plans.ts';

const { path, remove } = await createMigratedFile();
const sqlite = new Sqlite(path, { readonly: true });
afterAll(async () => {
  sqlite.close();
  await remove();
});
const scansOf = (sql: string): string[] =>
  fullScansOf(sqlite, sql, new Set(['servers', 'ports', 'hosts'])).map(({ table }) => table);

describe('judging a statement by its plan', () => {
  it('finds a table that is read as a whole, whatever it is called in the statement', () => {
    expect(scansOf('select * from "ports" as "p" where "p"."description" = ?')).toEqual(['ports']);
  });

  it('lets what an index finds pass, and a page in the order of an index', () => {
    expect(scansOf('select * from "servers" where "id" = ?')).toEqual([]);
    expect(scansOf('select * from "ports" order by "created_at", "id" limit ?')).toEqual([]);
  });

  it('finds a page that has to be sorted first', () => {
    expect(scansOf('select * from "ports" order by "description" limit ?')).toEqual(['ports']);
  });

  it('finds the scan of a foreign key without an index, which no statement shows', () => {
    const own = new Sqlite(':memory:');
    own.exec('create table a (id text primary key); create table b (a_id text references a (id) on delete cascade)');
    own.pragma('foreign_keys = on');
    expect(fullScansOf(own, 'delete from a where id = ?', new Set(['b'])).map(({ table }) => table)).toEqual(['b']);
  });

  it('knows a statement again whatever the length of its lists', () => {
    expect(normalized('select 1 where x in (?, ?, ?) and y = ?')).toBe(
      normalized('select 1 where x in (?, ?) and y = ?'),
    );
  });

  it('complains of a scan without an exception, and of an exception without a scan', () => {
    const scan = { table: 'ports', sql: 'select 1 from "ports"', plan: 'SCAN ports' };
    expect(judge([scan], { smallTables: {}, scans: [] }).bad).toEqual([scan]);
    const allowed = { table: 'ports', sql: scan.sql, reason: 'once' };
    expect(judge([scan], { smallTables: {}, scans: [allowed] })).toEqual({ bad: [], idle: [] });
    expect(judge([], { smallTables: { hosts: 'few' }, scans: [allowed] }).idle).toEqual(['hosts', scan.sql]);
  });
});
