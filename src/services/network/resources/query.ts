import { python } from '#kernel/api/validate.ts';
import { badBody, badResource } from '../errors.ts';
import type { Attributes } from './attributes.ts';

/** What a list request asks for. */
export interface ListQuery {
  readonly filters: Readonly<Record<string, readonly string[]>>;
  readonly tags: TagFilters;
  /** Milliseconds since 1970: only what changed since. */
  readonly changedSince: number | undefined;
  readonly sorts: readonly { readonly key: string; readonly direction: 'asc' | 'desc' }[];
  readonly limit: number | undefined;
  readonly marker: string | undefined;
  readonly isReverse: boolean;
  /** Attributes to answer with; empty means all. */
  readonly fields: readonly string[];
}

export interface TagFilters {
  readonly all: readonly string[];
  readonly any: readonly string[];
  readonly notAll: readonly string[];
  readonly notAny: readonly string[];
}

const NO_TAGS: TagFilters = { all: [], any: [], notAll: [], notAny: [] };

/** A query that asks for everything. */
export const EVERYTHING: ListQuery = {
  filters: {},
  tags: NO_TAGS,
  changedSince: undefined,
  sorts: [],
  limit: undefined,
  marker: undefined,
  isReverse: false,
  fields: [],
};

/** Values of one filter. A longer list is a client that should ask for less; the URL's own limit is near. */
const MAX_VALUES = 1_000;

const RESERVED = new Set([
  'fields',
  'sort_key',
  'sort_dir',
  'limit',
  'marker',
  'page_reverse',
  'tags',
  'tags-any',
  'not-tags',
  'not-tags-any',
  'changed_since',
]);

/**
 * Reads a list request's query string.
 * @param filterable The names that the resource can be listed by.
 * @throws {BadRequest} in neutron's words for what cannot be filtered or sorted by, or is no number.
 */
export function readQuery(query: unknown, attributes: Attributes, filterable: ReadonlySet<string>): ListQuery {
  const given = valuesOf(query);
  const unknown = [...given.keys()].filter((key) => !RESERVED.has(key) && !filterable.has(key));
  if (unknown.length > 0) throw badBody(`${python(unknown)} is invalid attribute for filtering`);
  const filters = Object.fromEntries([...given].filter(([key]) => !RESERVED.has(key)));
  const one = (key: string): string | undefined => given.get(key)?.at(-1);
  return {
    filters,
    tags: {
      all: tagList(given.get('tags')),
      any: tagList(given.get('tags-any')),
      notAll: tagList(given.get('not-tags')),
      notAny: tagList(given.get('not-tags-any')),
    },
    changedSince: readTime(one('changed_since')),
    sorts: readSorts(given.get('sort_key') ?? [], given.get('sort_dir') ?? [], attributes),
    limit: readLimit(one('limit')),
    marker: one('marker') === '' ? undefined : one('marker'),
    isReverse: one('page_reverse')?.toLowerCase() === 'true',
    fields: readFields(query),
  };
}

/** The `fields` of a request for one resource or many; empty means all. */
export function readFields(query: unknown): readonly string[] {
  return (valuesOf(query).get('fields') ?? []).filter((field) => field !== '');
}

function valuesOf(query: unknown): Map<string, readonly string[]> {
  const entries = Object.entries((query ?? {}) as Record<string, unknown>);
  return new Map(entries.map(([key, value]) => [key, [value].flat().slice(0, MAX_VALUES).map(String)]));
}

function tagList(values: readonly string[] | undefined): readonly string[] {
  return (values ?? []).flatMap((value) => value.split(',')).filter((tag) => tag !== '');
}

function readLimit(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text))
    throw badResource('limit', `Limit must be an integer 0 or greater and not '${text.slice(0, 40)}'`);
  return Number(text) === 0 ? undefined : Number(text);
}

function readTime(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = Date.parse(/Z|[+-]\d\d:?\d\d$/.test(text) ? text : `${text}Z`);
  if (Number.isNaN(ms)) throw badResource('changed_since', `'${text.slice(0, 40)}' is not a time`);
  return ms;
}

function readSorts(keys: readonly string[], directions: readonly string[], attributes: Attributes): ListQuery['sorts'] {
  const wanted = keys.filter((key) => key !== '');
  const given = directions.filter((direction) => direction !== '');
  if (given.length > 0 && wanted.length !== given.length)
    throw badBody('The number of sort_keys and sort_dirs must be same');
  const bad = wanted.filter((key) => !Object.hasOwn(attributes, key) || attributes[key]?.sortable !== true);
  if (bad.length > 0) throw badBody(`${python(bad)} is invalid attribute for sort_keys`);
  const wrong = given.filter((direction) => direction !== 'asc' && direction !== 'desc');
  if (wrong.length > 0)
    throw badBody(`${python(wrong)} is invalid value for sort_dirs, valid value is 'asc' and 'desc'`);
  return wanted.map((key, i) => ({ key, direction: given[i] === 'desc' ? 'desc' : 'asc' }));
}
