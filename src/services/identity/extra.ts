import { fromJson, type JsonText, toJson } from '#kernel/db/json.ts';
import { badRequest, immutable } from './errors.ts';

type Bag = Readonly<Record<string, unknown>>;

/** What a body has beyond the attributes that are kept in columns. */
export function extraOf(body: Bag, known: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(body).filter(([key]) => !known.includes(key) && !RESERVED.has(key)));
}

const RESERVED: ReadonlySet<string> = new Set(['id', 'links']);

/** The further attributes after an update: given ones replace, the others stay. */
export function mergeExtra(kept: JsonText<Record<string, unknown>>, given: Bag): JsonText<Record<string, unknown>> {
  return toJson({ ...fromJson(kept), ...given });
}

/** Options after an update: given ones replace, null takes one back, the others stay. */
export function mergeOptions<T extends Bag>(kept: JsonText<T>, given: Bag | undefined): JsonText<T> {
  if (given === undefined) return kept;
  const merged = Object.entries({ ...fromJson(kept), ...given }).filter(([, value]) => value !== null);
  return toJson(Object.fromEntries(merged) as T);
}

/**
 * Holds a change against the `immutable` option: only taking the option back is let through.
 * @throws {Forbidden} `identity.<kind>.immutable`.
 */
export function checkMutable(kind: string, row: { id: string; options: JsonText<Bag> }, given?: Bag): void {
  if (fromJson(row.options)['immutable'] !== true) return;
  const options = given?.['options'] as Bag | undefined;
  const isTakenBack = options !== undefined && 'immutable' in options && options['immutable'] !== true;
  if (!isTakenBack) throw immutable(given === undefined ? 'delete' : 'update', kind, row.id);
}

/**
 * A body may repeat the id and the domain, not change them.
 * @throws {BadRequest} `identity.input.id` or `identity.input.domain_id`.
 */
export function checkUnmoved(kind: string, row: { id: string; domain_id?: string }, given: Bag): void {
  if ('id' in given && given['id'] !== row.id) throw badRequest('input.id', `Cannot change ${kind} ID`);
  if ('domain_id' in given && row.domain_id !== undefined && (given['domain_id'] ?? '') !== row.domain_id)
    throw badRequest('input.domain_id', 'Cannot change Domain ID');
}
