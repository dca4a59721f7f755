/** Listing rows by what a query asks for, the same way for every resource. Conditions speak of the table as `t`. */
import { type RawBuilder, type SqlBool, sql } from 'kysely';
import type { Db } from '#kernel/db/database.ts';
import { applyPage, type SortKey } from '#kernel/db/page.ts';
import { groupTopic, networkTopic } from '../hosts/shared.ts';
import type { NetworkTables } from '../tables.ts';
import type { ListQuery, TagFilters } from './query.ts';
import { readBoolean, readInteger } from './types.ts';

export type Condition = RawBuilder<SqlBool>;

/** Who looks: their own project's things and what is shared with it, or everything. */
export interface Scope {
  readonly projectId: string | null;
  readonly isAdmin: boolean;
}

/** What the cloud itself may see. */
export const WHOLE_CLOUD: Scope = { projectId: null, isAdmin: true };

export type Filter = (values: readonly string[], scope: Scope) => Condition;

/** Where a resource's rows are and how they can be asked for. */
export interface Source {
  readonly table: keyof NetworkTables;
  readonly filters: Readonly<Record<string, Filter>>;
  /** Columns of the attributes that can be sorted by, where the names differ. */
  readonly columns?: Readonly<Record<string, string>>;
  /** What others than administrators may see. */
  visible(scope: Scope): Condition;
  /** False where there are no created_at and updated_at columns. */
  readonly hasTimes?: false;
}

/** Rows of one answer. Whoever asks without a limit and has more gets this many and a link to the next ones. */
export const MAX_PAGE = 10_000;

type Loose = Db<Record<string, Record<string, unknown>>>;

/** One row, whoever may see it. */
export async function findRow(
  db: Db<NetworkTables>,
  source: Source,
  id: string,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  return (db as unknown as Loose).selectFrom(source.table).selectAll().where('id', '=', id).executeTakeFirst();
}

/** The rows that a query asks for, in its order. */
export async function selectRows<Row>(
  db: Db<NetworkTables>,
  source: Source,
  scope: Scope,
  query: ListQuery,
): Promise<Row[]> {
  let select = (db as unknown as Loose).selectFrom(`${source.table} as t`).selectAll('t');
  if (!scope.isAdmin) select = select.where(source.visible(scope));
  for (const [name, values] of Object.entries(query.filters)) {
    const filter = source.filters[name];
    if (filter !== undefined) select = select.where(filter(values, scope));
  }
  for (const condition of tagConditions(query.tags)) select = select.where(condition);
  if (query.changedSince !== undefined && source.hasTimes !== false)
    select = select.where('t.updated_at' as never, '>=', query.changedSince as never);
  const keys = sortKeys(source, query);
  const marker = query.marker === undefined ? undefined : await findMarker(db, source, query.marker);
  if (query.marker !== undefined && marker === undefined) return [];
  const limit = Math.min(query.limit ?? MAX_PAGE, MAX_PAGE);
  const rows = (await applyPage(select, { keys, marker, limit }).execute()) as Row[];
  return query.isReverse ? rows.toReversed() : rows;
}

function sortKeys(source: Source, query: ListQuery): SortKey[] {
  const wanted = query.sorts.map(({ key, direction }) => ({
    column: `t.${source.columns?.[key] ?? (key === 'tenant_id' ? 'project_id' : key)}`,
    direction,
  }));
  const last: SortKey[] = [{ column: 't.id', direction: 'asc' }];
  if (wanted.length === 0 && source.hasTimes !== false) last.unshift({ column: 't.created_at', direction: 'asc' });
  const keys: SortKey[] = wanted.some(({ column }) => column === 't.id') ? wanted : [...wanted, ...last];
  return query.isReverse
    ? keys.map(({ column, direction }) => ({ column, direction: direction === 'asc' ? 'desc' : 'asc' }))
    : keys;
}

async function findMarker(
  db: Db<NetworkTables>,
  source: Source,
  id: string,
): Promise<Record<string, unknown> | undefined> {
  return (db as unknown as Loose).selectFrom(source.table).selectAll().where('id', '=', id).executeTakeFirst();
}

/** The column is one of the values. */
export function isText(column: string): Filter {
  return (values) => inList(sql.ref(`t.${column}`), values);
}

/** Like {@link isText}, where an empty value or `None` means that there is none. */
export function isTextOrNull(column: string): Filter {
  return (values) => {
    const ref = sql.ref(`t.${column}`);
    const listed = inList(ref, values);
    return values.some((value) => value === '' || value === 'None' || value === 'null')
      ? sql<SqlBool>`(${ref} is null or ${listed})`
      : listed;
  };
}

/** @throws {BadRequest} for what is no boolean. */
export function isBit(column: string): Filter {
  return (values) =>
    inList(
      sql.ref(`t.${column}`),
      values.map((value) => (readBoolean(value) ? 1 : 0)),
    );
}

/** @throws {BadRequest} for what is no integer. */
export function isInteger(column: string): Filter {
  return (values) => inList(sql.ref(`t.${column}`), values.map(readInteger));
}

/** A time as it is shown. */
export function isTime(column: string): Filter {
  return (values) =>
    inList(
      sql.ref(`t.${column}`),
      values.map((value) => Date.parse(value)).filter((ms) => !Number.isNaN(ms)),
    );
}

/** Filters of what every resource has. */
export const standardFilters = {
  id: isText('id'),
  project_id: isText('project_id'),
  tenant_id: isText('project_id'),
  description: isText('description'),
  revision_number: isInteger('revision_number'),
  created_at: isTime('created_at'),
  updated_at: isTime('updated_at'),
} as const satisfies Readonly<Record<string, Filter>>;

/** Only the project's own. */
export function ownOnly(scope: Scope): Condition {
  return sql<SqlBool>`t.project_id = ${scope.projectId}`;
}

/**
 * A row of `rbac_policies` opens the object to the project or to everybody.
 * @param object What names the object, such as `t.id`.
 */
export function isOpened(objectType: string, actions: readonly string[], object: string, scope: Scope): Condition {
  return sql<SqlBool>`${sql.ref(object)} in (select r.object_id from rbac_policies r where r.object_type = ${objectType}
    and r.action in (${sql.join(actions)}) and r.target_project in ('*', ${scope.projectId ?? '*'}))`;
}

/** A filter by whether an object is shared with the caller. */
export function isShared(objectType: string, object: string): Filter {
  return (values, scope) => {
    const shared = isOpened(objectType, ['access_as_shared'], object, scope);
    return sql.join(
      [...new Set(values.map(readBoolean))].map((wanted) => (wanted ? shared : sql`not ${shared}`)),
      sql` or `,
    ) as Condition;
  };
}

export function inList(column: RawBuilder<unknown>, values: readonly (string | number)[]): Condition {
  return values.length === 0 ? sql<SqlBool>`1 = 0` : sql<SqlBool>`${column} in (${sql.join(values)})`;
}

function tagConditions({ all, any, notAll, notAny }: TagFilters): Condition[] {
  const count = (tags: readonly string[]) =>
    sql`(select count(*) from network_tags g where g.resource_id = t.id and g.tag in (${sql.join(tags)}))`;
  const conditions: Condition[] = [];
  if (all.length > 0) conditions.push(sql<SqlBool>`${count(all)} = ${new Set(all).size}`);
  if (any.length > 0) conditions.push(sql<SqlBool>`${count(any)} > 0`);
  if (notAll.length > 0) conditions.push(sql<SqlBool>`${count(notAll)} < ${new Set(notAll).size}`);
  if (notAny.length > 0) conditions.push(sql<SqlBool>`${count(notAny)} = 0`);
  return conditions;
}

/** Marks a row as changed: the next revision number, and when. @returns false when the row is gone. */
export async function touchRow(
  tx: Db<NetworkTables>,
  table: keyof NetworkTables,
  id: string,
  nowMs: number,
): Promise<boolean> {
  const result = await (tx as unknown as Loose)
    .updateTable(table)
    .set({ revision_number: sql`revision_number + 1`, updated_at: nowMs })
    .where('id', '=', id)
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
}

/** How many rows of a table a project has. */
export async function countOf(db: Db<NetworkTables>, table: keyof NetworkTables, projectId: string): Promise<number> {
  const row = await (db as unknown as Loose)
    .selectFrom(table)
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .where('project_id', '=', projectId)
    .executeTakeFirstOrThrow();
  return Number(row.count);
}

/** The tags of resources, sorted. */
export async function tagsOf(db: Db<NetworkTables>, ids: readonly string[]): Promise<Map<string, string[]>> {
  const tags = new Map<string, string[]>();
  if (ids.length === 0) return tags;
  const rows = await db.selectFrom('network_tags').selectAll().where('resource_id', 'in', ids).orderBy('tag').execute();
  for (const { resource_id, tag } of rows) tags.set(resource_id, [...(tags.get(resource_id) ?? []), tag]);
  return tags;
}

/** Takes away all that hangs on a resource by its id alone: tags and sharing. */
export async function deleteAttachments(tx: Db<NetworkTables>, id: string): Promise<void> {
  await tx.deleteFrom('network_tags').where('resource_id', '=', id).execute();
  await tx.deleteFrom('rbac_policies').where('object_id', '=', id).execute();
  await tx
    .deleteFrom('revisions')
    .where('topic', 'in', [groupTopic(id), networkTopic(id)])
    .execute();
}
