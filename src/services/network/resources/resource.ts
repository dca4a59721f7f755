import type { RequestContext } from '#kernel/auth/context.ts';
import type { Db } from '#kernel/db/database.ts';
import type { CloudError } from '#kernel/errors.ts';
import { newUuid } from '#kernel/ids.ts';
import { isoSeconds } from '#kernel/wire-times.ts';
import type { NetworkDeps } from '../deps.ts';
import type { NetworkTables } from '../tables.ts';
import type { Attributes, Changes, NewValues } from './attributes.ts';
import type { Scope, Source } from './store.ts';
import type { StandardRow } from './tables.ts';

/** A resource as it is on the wire. */
export type WireObject = Readonly<Record<string, unknown>> & { readonly id: string };

/** One change: who makes it, in which transaction. */
export interface Write {
  readonly deps: NetworkDeps;
  readonly tx: Db<NetworkTables>;
  readonly ctx: RequestContext;
  readonly scope: Scope;
  /** Topics that this change has already raised. */
  readonly touched: Set<string>;
}

/** A write in an open transaction. */
export function newWrite(deps: NetworkDeps, tx: Db<NetworkTables>, ctx: RequestContext, scope: Scope): Write {
  return { deps, tx, ctx, scope, touched: new Set() };
}

/** The columns that every new row has. */
export function newRow(
  write: Write,
  values: { readonly project_id: string; readonly description?: string | undefined },
) {
  const nowMs = write.deps.clock.now().getTime();
  return {
    id: newUuid(),
    project_id: values.project_id,
    description: values.description ?? '',
    revision_number: 0,
    created_at: nowMs,
    updated_at: nowMs,
  };
}

/** What every resource shows, last. */
export function standardView(row: StandardRow): Record<string, unknown> & { readonly id: string } {
  return {
    id: row.id,
    project_id: row.project_id,
    tenant_id: row.project_id,
    description: row.description,
    revision_number: row.revision_number,
    created_at: isoSeconds(row.created_at),
    updated_at: isoSeconds(row.updated_at),
  };
}

/** All that the generic operations need to know of one noun. */
export interface ResourceDefinition<A extends Attributes, Row extends { readonly id: string }> {
  /** `security_group_rule`: the body's key, and the middle of its policies' names. */
  readonly singular: string;
  readonly plural: string;
  /** Below `/v2.0/`; the plural with dashes unless said otherwise. */
  readonly path?: string;
  readonly attributes: A;
  readonly source: Source;
  readonly isBulk?: boolean;
  /** The quota that it counts for. */
  readonly quota?: string;
  notFound(id: string): CloudError;
  /** Rows as they are on the wire, in the same order, with a bounded number of queries. */
  view(db: Db<NetworkTables>, rows: readonly Row[], scope: Scope, deps: NetworkDeps): Promise<WireObject[]>;
  /** Done before a list is read, such as making the project's default security group. */
  beforeList?(deps: NetworkDeps, ctx: RequestContext): Promise<void>;
  /** What policies may ask beyond the resource's own attributes, such as `network:project_id`. */
  target?(db: Db<NetworkTables>, item: Readonly<Record<string, unknown>>): Promise<Readonly<Record<string, unknown>>>;
  /** The attributes that decide what {@link target} says, so that a list asks once for equal ones. */
  readonly targetFields?: readonly string[];
  /** @returns the new resource's id. */
  create?(write: Write, values: NewValues<A> & { readonly project_id: string }): Promise<string>;
  update?(write: Write, id: string, changes: Changes<A>, item: WireObject): Promise<void>;
  remove?(write: Write, id: string, item: WireObject): Promise<void>;
}

/** A noun, its types forgotten. */
export type Resource = Omit<ResourceDefinition<Attributes, { readonly id: string }>, 'path'> & {
  readonly path: string;
};

export function defineResource<A extends Attributes, Row extends { readonly id: string }>(
  definition: ResourceDefinition<A, Row>,
): Resource {
  return {
    path: definition.plural.replaceAll('_', '-'),
    ...definition,
  } as unknown as Resource;
}
