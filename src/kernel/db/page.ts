import { type Expression, type ExpressionBuilder, type SelectQueryBuilder, type SqlBool } from 'kysely';

/** One key of an order: a column, which way, and where nulls go (as MariaDB and SQLite both have it: first when ascending). */
export interface SortKey {
  readonly column: string;
  readonly direction: 'asc' | 'desc';
}

/**
 * Keyset paging: orders by the keys and starts after the marker's row. The last key must be unique (an id), and the same keys
 * must have an index for the page to cost no more than itself.
 * @param marker The marker row's values of the sort columns, or undefined for the first page.
 */
export function applyPage<DB, TB extends keyof DB, O>(
  query: SelectQueryBuilder<DB, TB, O>,
  page: {
    readonly keys: readonly SortKey[];
    readonly marker?: Readonly<Record<string, unknown>> | undefined;
    readonly limit?: number | undefined;
  },
): SelectQueryBuilder<DB, TB, O> {
  let paged = query;
  const { marker, keys } = page;
  if (marker !== undefined) {
    paged = paged.where((eb) => afterMarker(eb as unknown as Builder, keys, marker) as unknown as Expression<SqlBool>);
  }
  for (const { column, direction } of keys) paged = paged.orderBy(column as never, direction);
  return page.limit === undefined ? paged : paged.limit(page.limit);
}

type Builder = ExpressionBuilder<Record<string, Record<string, unknown>>, string>;

/** `a > x or (a = x and (b > y or (b = y and …)))`, with nulls first in ascending order. */
function afterMarker(
  eb: Builder,
  keys: readonly SortKey[],
  marker: Readonly<Record<string, unknown>>,
): Expression<SqlBool> {
  const branches = keys.map((key, i) => {
    const equals = keys.slice(0, i).map(({ column }) => same(eb, column, marker[plain(column)]));
    return eb.and([...equals, beyond(eb, key, marker[plain(key.column)])]);
  });
  return eb.or(branches);
}

function same(eb: Builder, column: string, value: unknown): Expression<SqlBool> {
  return value === null || value === undefined
    ? eb(column as never, 'is', null)
    : eb(column as never, '=', value as never);
}

function beyond(eb: Builder, { column, direction }: SortKey, value: unknown): Expression<SqlBool> {
  const name = column as never;
  if (value === null || value === undefined) {
    return direction === 'asc' ? eb(name, 'is not', null) : eb.and([eb(name, 'is', null), eb(name, 'is not', null)]);
  }
  if (direction === 'asc') return eb(name, '>', value as never);
  return eb.or([eb(name, '<', value as never), eb(name, 'is', null)]);
}

/** A row has its columns without the table's alias. */
function plain(column: string): string {
  return column.slice(column.lastIndexOf('.') + 1);
}
