import { type SelectQueryBuilder, sql } from 'kysely';

/** One filter of a list request, as in `name__icontains=ad`. */
export interface Filter {
  readonly attribute: string;
  readonly comparator: Comparator;
  readonly value: string;
}

type Comparator =
  | 'after'
  | 'equals'
  | 'contains'
  | 'icontains'
  | 'startswith'
  | 'istartswith'
  | 'endswith'
  | 'iendswith';

const COMPARATORS: ReadonlySet<string> = new Set([
  'contains',
  'icontains',
  'startswith',
  'istartswith',
  'endswith',
  'iendswith',
]);

/** Longest value that is looked for; nothing that is kept is longer. */
const MAX_VALUE_LENGTH = 1_024;

/**
 * Reads the filters that a list knows from its query string; others are left alone, as keystone does.
 * @see https://docs.openstack.org/api-ref/identity/v3/#filtering
 */
export function readFilters(query: Readonly<Record<string, unknown>>, attributes: readonly string[]): Filter[] {
  const filters: Filter[] = [];
  for (const [key, given] of Object.entries(query)) {
    const value = Array.isArray(given) ? String(given.at(-1)) : String(given);
    const [attribute = '', comparator, ...rest] = key.split('__');
    if (!attributes.includes(attribute) || rest.length > 0 || value.length > MAX_VALUE_LENGTH) continue;
    if (comparator === undefined) filters.push({ attribute, comparator: 'equals', value });
    else if (COMPARATORS.has(comparator)) filters.push({ attribute, comparator: comparator as Comparator, value });
  }
  return filters;
}

/** The rest of a list in the order of its ids, after the entry that ended the page before. */
export function afterMarker(marker: string | undefined): Filter[] {
  return marker === undefined ? [] : [{ attribute: 'id', comparator: 'after', value: marker }];
}

const BITS: ReadonlySet<string> = new Set(['enabled', 'is_domain', 'self_service']);
const FALSE_WORDS: ReadonlySet<string> = new Set(['0', 'false', 'f', 'off', 'n', 'no']);

/** Narrows a query by filters whose attributes are columns of `table`. */
export function applyFilters<DB, TB extends keyof DB, O>(
  query: SelectQueryBuilder<DB, TB, O>,
  table: string,
  filters: readonly Filter[],
): SelectQueryBuilder<DB, TB, O> {
  let narrowed = query;
  for (const { attribute, comparator, value } of filters) {
    const column = sql.ref(`${table}.${attribute}`);
    if (BITS.has(attribute)) {
      const bit = value !== '' && FALSE_WORDS.has(value.toLowerCase()) ? 0 : 1;
      narrowed = narrowed.where(sql<boolean>`${column} = ${bit}`);
      continue;
    }
    narrowed = narrowed.where(matching(column, comparator, value));
  }
  return narrowed;
}

/** Substrings are found without LIKE, so that `%` and `_` are only themselves and case counts on every database. */
function matching(column: ReturnType<typeof sql.ref>, comparator: Comparator, value: string) {
  const folded = value.toLowerCase();
  switch (comparator) {
    case 'after':
      return sql<boolean>`${column} > ${value}`;
    case 'equals':
      return sql<boolean>`${column} = ${value}`;
    case 'contains':
      return sql<boolean>`instr(${column}, ${value}) > 0`;
    case 'icontains':
      return sql<boolean>`instr(lower(${column}), ${folded}) > 0`;
    case 'startswith':
      return sql<boolean>`substr(${column}, 1, ${charactersOf(value)}) = ${value}`;
    case 'istartswith':
      return sql<boolean>`substr(lower(${column}), 1, ${charactersOf(folded)}) = ${folded}`;
    case 'endswith':
      return sql<boolean>`(${value} = '' or substr(${column}, ${-charactersOf(value)}) = ${value})`;
    case 'iendswith':
      return sql<boolean>`(${folded} = '' or substr(lower(${column}), ${-charactersOf(folded)}) = ${folded})`;
  }
}

/** As SQL counts them; its own `length` means bytes in MariaDB. */
function charactersOf(text: string): number {
  return Array.from(text).length;
}
