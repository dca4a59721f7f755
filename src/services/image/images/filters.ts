import { BadRequest } from '#kernel/errors.ts';
import { VISIBILITIES, type Visibility } from './states.ts';
import type { MemberStatus } from './tables.ts';

/** What a list of images is asked to be. */
export interface ImageQuery {
  readonly limit: number;
  readonly marker: string | undefined;
  readonly sort: readonly { readonly key: SortColumn; readonly direction: 'asc' | 'desc' }[];
  readonly visibility: Visibility | 'all' | undefined;
  readonly memberStatus: MemberStatus | 'all';
  readonly filters: readonly ImageFilter[];
}

export type ImageFilter =
  | { readonly kind: 'column'; readonly column: EqualColumn; readonly values: readonly (string | number)[] }
  | { readonly kind: 'least' | 'most'; readonly column: NumberColumn; readonly value: number }
  | {
      readonly kind: 'time';
      readonly column: 'created_at' | 'updated_at';
      readonly operator: TimeOperator;
      readonly atMs: number;
    }
  | { readonly kind: 'tag'; readonly tag: string }
  | { readonly kind: 'property'; readonly name: string; readonly value: string };

type TimeOperator = 'gt' | 'gte' | 'lt' | 'lte' | 'neq' | 'eq';
type NumberColumn = 'size' | 'min_disk' | 'min_ram' | 'virtual_size';
type EqualColumn =
  | (typeof TEXT_COLUMNS)[number]
  | (typeof LIST_COLUMNS)[number]
  | NumberColumn
  | 'is_hidden'
  | 'is_protected';
type SortColumn = (typeof SORT_KEYS)[number];

const SORT_KEYS = [
  'name',
  'status',
  'container_format',
  'disk_format',
  'size',
  'id',
  'created_at',
  'updated_at',
] as const;
/** These take `in:a,b` besides one value. */
const LIST_COLUMNS = ['name', 'id', 'status', 'container_format', 'disk_format'] as const;
const TEXT_COLUMNS = ['checksum', 'os_hash_value', 'os_hash_algo', 'owner'] as const;
const NUMBER_COLUMNS: readonly NumberColumn[] = ['size', 'min_disk', 'min_ram', 'virtual_size'];
const TIME_OPERATORS: readonly string[] = ['gt', 'gte', 'lt', 'lte', 'neq', 'eq'];

/** glance's `limit_param_default` and `api_limit_max`. */
const DEFAULT_LIMIT = 25;
const MAX_LIMIT = 1_000;
/** Filters in one request: each is a condition in SQL, and nobody needs more. */
const MAX_FILTERS = 100;
/** Values in one `in:` list. */
const MAX_LISTED_VALUES = 1_000;

const bad = (code: string, message: string): BadRequest => new BadRequest(`image.list.${code}`, message);

/**
 * Reads the query string of a list of images.
 * @throws {BadRequest} `image.list.…` in the real service's words.
 * @see glance/api/v2/images.py RequestDeserializer.index and glance/db/sqlalchemy/api.py _make_conditions_from_filters
 */
export function parseImageQuery(params: URLSearchParams): ImageQuery {
  const last = (name: string): string | undefined => params.getAll(name).at(-1);
  const memberStatus = last('member_status') ?? 'accepted';
  if (!isMemberStatus(memberStatus)) throw bad('member_status', `Invalid status: ${memberStatus}`);
  const sort = parseSort(params);
  const filters: ImageFilter[] = [{ kind: 'column', column: 'is_hidden', values: [parseHidden(last('os_hidden'))] }];
  for (const tag of params.getAll('tag')) filters.push({ kind: 'tag', tag: tag.trim() });
  for (const [name, value] of params) {
    if (!NOT_FILTERS.has(name)) filters.push(...parseFilter(name, value));
  }
  if (filters.length > MAX_FILTERS) throw bad('filters', `At most ${MAX_FILTERS} filters can be given at once.`);
  return {
    limit: parseLimit(last('limit')),
    marker: last('marker'),
    sort,
    visibility: parseVisibility(last('visibility')),
    memberStatus,
    filters,
  };
}

const NOT_FILTERS: ReadonlySet<string> = new Set([
  'limit',
  'marker',
  'member_status',
  'tag',
  'sort',
  'sort_key',
  'sort_dir',
  'visibility',
  'os_hidden',
  'deleted',
]);

function isMemberStatus(text: string): text is ImageQuery['memberStatus'] {
  return ['pending', 'accepted', 'rejected', 'all'].includes(text);
}

function parseLimit(text: string | undefined): number {
  if (text === undefined) return DEFAULT_LIMIT;
  if (!/^\s*[+-]?\d+\s*$/.test(text)) throw bad('limit', 'limit param must be an integer');
  const limit = Number(text);
  if (limit < 0) throw bad('limit', 'limit param must be positive');
  return Math.min(limit, MAX_LIMIT);
}

function parseVisibility(text: string | undefined): ImageQuery['visibility'] {
  if (text === undefined || text === '') return undefined;
  if (text === 'all') return 'all';
  const visibility = VISIBILITIES.find((known) => known === text);
  if (visibility === undefined) throw bad('visibility', `Invalid visibility value: ${text}`);
  return visibility;
}

function parseHidden(text = 'false'): number {
  const value = text.toLowerCase();
  if (value !== 'true' && value !== 'false') {
    throw bad('os_hidden', `Invalid value '${value}' for 'os_hidden' filter. Valid values are 'true' or 'false'.`);
  }
  return value === 'true' ? 1 : 0;
}

/** `sort=name:asc,size` or `sort_key=name&sort_dir=asc&…`; created_at and id are always last, so that no two images tie. */
function parseSort(params: URLSearchParams): ImageQuery['sort'] {
  const { keys, directions } = params.has('sort') ? parseNewSort(params) : parseClassicSort(params);
  const only = directions.length === 1 ? directions[0] : undefined;
  const sort = keys.map((key, index) => ({ key, direction: directions[index] ?? only ?? ('desc' as const) }));
  const rest = (['created_at', 'id'] as const)
    .filter((key) => !keys.includes(key))
    .map((key) => ({ key, direction: only ?? ('desc' as const) }));
  const all = [...sort, ...rest];
  return all.filter(({ key }, index) => all.findIndex((other) => other.key === key) === index);
}

interface Sorting {
  readonly keys: SortColumn[];
  readonly directions: ('asc' | 'desc')[];
}

function parseNewSort(params: URLSearchParams): Sorting {
  if (params.has('sort_key') || params.has('sort_dir'))
    throw bad('sort', 'Old and new sorting syntax cannot be combined');
  const parts = (params.getAll('sort').at(-1) ?? '').trim().split(',');
  const pairs = parts.map((part): [string, string] => {
    const colon = part.indexOf(':');
    return colon === -1 ? [part, ''] : [part.slice(0, colon), part.slice(colon + 1)];
  });
  return {
    keys: pairs.map(([key]) => parseSortKey(key)),
    directions: pairs.map(([, direction]) => parseSortDirection(direction || 'desc')),
  };
}

function parseClassicSort(params: URLSearchParams): Sorting {
  const keys = params.getAll('sort_key').map(parseSortKey);
  const directions = params.getAll('sort_dir').map(parseSortDirection);
  if (directions.length > 1 && directions.length !== keys.length) {
    throw bad('sort', 'Number of sort dirs does not match the number of sort keys');
  }
  return {
    keys: keys.length === 0 ? ['created_at'] : keys,
    directions: directions.length === 0 ? ['desc'] : directions,
  };
}

function parseSortKey(text: string): SortColumn {
  const key = SORT_KEYS.find((known) => known === text.trim());
  if (key === undefined)
    throw bad('sort', `Invalid sort key: ${text.trim()}. It must be one of the following: ${SORT_KEYS.join(', ')}.`);
  return key;
}

function parseSortDirection(text: string): 'asc' | 'desc' {
  const direction = text.trim();
  if (direction !== 'asc' && direction !== 'desc') throw bad('sort', `Invalid sort direction: ${direction}`);
  return direction;
}

function parseFilter(name: string, value: string): ImageFilter[] {
  if (name === 'changes-since') throw bad('changes_since', 'The "changes-since" filter is no longer available on v2.');
  if (name === 'protected') return [{ kind: 'column', column: 'is_protected', values: [parseProtected(value)] }];
  const range = /^(.*)_(min|max)$/.exec(name);
  if (range !== null) return [parseRange(range[1] ?? '', range[2] === 'min' ? 'least' : 'most', value)];
  if (name === 'created_at' || name === 'updated_at') return [parseTime(name, value)];
  const listColumn = LIST_COLUMNS.find((column) => column === name);
  if (listColumn !== undefined) return [{ kind: 'column', column: listColumn, values: parseList(value) }];
  const textColumn = TEXT_COLUMNS.find((column) => column === name);
  if (textColumn !== undefined) return [{ kind: 'column', column: textColumn, values: [value] }];
  const numberColumn = NUMBER_COLUMNS.find((column) => column === name);
  if (numberColumn !== undefined)
    return [{ kind: 'column', column: numberColumn, values: [/^\d{1,15}$/.test(value) ? Number(value) : -1] }];
  return [{ kind: 'property', name, value }];
}

function parseProtected(value: string): number {
  if (value !== 'true' && value !== 'false') {
    throw bad('protected', `Invalid value '${value}' for 'protected' filter. Valid values are 'true' or 'false'.`);
  }
  return value === 'true' ? 1 : 0;
}

function parseRange(name: string, kind: 'least' | 'most', value: string): ImageFilter {
  const column = NUMBER_COLUMNS.find((known) => known === name);
  if (column === undefined || !/^\s*[+-]?\d{1,18}\s*$/.test(value)) {
    throw bad('range', 'Unable to filter on a range with a non-numeric value.');
  }
  return { kind, column, value: Math.max(Math.min(Number(value), Number.MAX_SAFE_INTEGER), Number.MIN_SAFE_INTEGER) };
}

const ISO_TIME = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}(?::?\d{2})?)?)?$/;

function parseTime(column: 'created_at' | 'updated_at', text: string): ImageFilter {
  const colon = text.indexOf(':');
  const hasOperator = colon !== -1 && !ISO_TIME.test(text);
  const operator = hasOperator ? text.slice(0, colon) : 'eq';
  const time = (hasOperator ? text.slice(colon + 1) : text).replace(' ', '+');
  const atMs = ISO_TIME.test(time)
    ? Date.parse(/(?:Z|[+-]\d{2}:?\d{0,2})$/.test(time.slice(10)) || time.length === 10 ? time : `${time}Z`)
    : Number.NaN;
  if (Number.isNaN(atMs)) throw bad('time', `Bad "${column}" query filter format. Use ISO 8601 DateTime notation.`);
  if (!TIME_OPERATORS.includes(operator)) throw bad('operator', `Unable to filter by unknown operator '${operator}'.`);
  return { kind: 'time', column, operator: operator as TimeOperator, atMs };
}

/** One value, or `in:` and a list in which double quotes may protect commas. */
function parseList(text: string): string[] {
  const colon = text.indexOf(':');
  const operator = colon === -1 ? 'eq' : text.slice(0, colon);
  const value = colon === -1 ? text : text.slice(colon + 1);
  if (operator === 'eq') return [value];
  if (operator !== 'in') throw bad('operator', `Unable to filter by unknown operator '${operator}'.`);
  checkQuotes(value);
  const values = [...value.matchAll(/"((?:[^"\\]|\\.)*)",?|([^,]+),?|,/g)].map((match) => match[1] ?? match[2] ?? '');
  if (values.length > MAX_LISTED_VALUES)
    throw bad('in', `At most ${MAX_LISTED_VALUES} values can be listed in one filter.`);
  return values;
}

function checkQuotes(value: string): void {
  let isOpen = false;
  for (let i = 0; i < value.length; i++) {
    if (value[i] !== '"' || value[i - 1] === '\\') continue;
    if (!isOpen && i > 0 && value[i - 1] !== ',') {
      throw bad('quotes', `Invalid filter value ${value}. There is no comma before opening quotation mark.`);
    }
    if (isOpen && i + 1 !== value.length && value[i + 1] !== ',') {
      throw bad('quotes', `Invalid filter value ${value}. There is no comma after closing quotation mark.`);
    }
    isOpen = !isOpen;
  }
  if (isOpen) throw bad('quotes', `Invalid filter value ${value}. The quote is not closed.`);
}
