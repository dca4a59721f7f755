import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Static, TSchema } from 'typebox';
import type { RequestContext } from '../auth/context.ts';
import { type Microversion, parseMicroversion } from './microversion.ts';

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'COPY';

/** What a handler gets: everything already checked. */
export interface ApiRequest<Params = Record<string, string>, Query = unknown, Body = unknown> {
  readonly ctx: RequestContext;
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  /** The microversion asked for; undefined in services without. */
  readonly version: Microversion | undefined;
  /** Whether the request's microversion has a feature, given by name from the service's `microversions.ts`. */
  has(feature: Feature): boolean;
  /** Where the service is, as the caller reached it, without a slash at the end: for links. */
  readonly baseUrl: string;
  /** Path and query as asked, without the service's prefix: for paging links. */
  readonly url: string;
  readonly headers: FastifyRequest['headers'];
  /** The rest, for streams. */
  readonly raw: FastifyRequest;
}

/** A microversion under the name of what it brought: `features.serverTags`. */
export type Feature = string & { readonly __feature?: never };

/** An answer with its own status, headers or stream. A plain value is sent as JSON with the route's status. */
export class Reply {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;

  constructor(parts: { status?: number; headers?: Readonly<Record<string, string>>; body?: unknown }) {
    this.status = parts.status;
    this.headers = parts.headers ?? {};
    this.body = parts.body;
  }
}

export interface RouteDefinition<Q extends TSchema, B extends TSchema> {
  readonly method: Method | readonly Method[];
  /** The whole path, with `:name` for variables: `/v2.0/networks/:id`. Compute's slices leave out the root, see its `roots.ts`. */
  readonly path: string;
  /** Verb and noun, unique in the service: `createServer`. OpenAPI's operation id, the metrics' and the log's name for it. */
  readonly name: string;
  /** `none`: answers without a token. `optional`: looks at a token when there is one. */
  readonly auth?: 'token' | 'none' | 'optional';
  /** A rule of the service's policy, held against the caller's own project before query and body are checked against their schemas.
   * For what needs the found object, logic calls `policy.enforce` itself. */
  readonly policy?: string;
  /** First microversion that has the route; before it, 404. */
  readonly since?: string;
  /** First microversion that no longer has it. */
  readonly before?: string;
  /** Speaks this microversion whatever is asked for, and says nothing of microversions: an API from before there were any. */
  readonly fixedVersion?: string;
  readonly query?: Q;
  readonly body?: B;
  /** `json` (the default where `body` is given), `stream` leaves the body to the handler, `raw` gives its bytes. */
  readonly bodyKind?: 'json' | 'stream' | 'raw';
  /** Content types taken besides none and `application/json`. */
  readonly consumes?: readonly string[];
  /** Body limit; oslo's 114,688 bytes unless a route needs more. */
  readonly maxBodyBytes?: number;
  /** Status of a plain answer. */
  readonly status?: number;
  /** Shape of the answer, for documents and tests; answers are not filtered through it. */
  readonly response?: TSchema;
  /** What documents say beyond all this. */
  readonly documents?: () => RouteDocuments;
  handler(request: ApiRequest<Record<string, string>, Static<Q>, Static<B>>, reply: FastifyReply): unknown;
}

/**
 * What an operation's handler checks by itself, for the OpenAPI document: nothing here is enforced, and nothing is made before it
 * is asked for.
 */
export interface RouteDocuments {
  /** One line; the operation's name in words unless given. */
  readonly summary?: string;
  /** The body, or the query, where it is not checked by a schema of the route. */
  readonly body?: TSchema;
  readonly query?: TSchema;
  /** The answer, where `response` does not say it. */
  readonly response?: TSchema;
  /** Rules that logic holds against what it finds. */
  readonly policies?: readonly string[];
}

/** One operation, its types forgotten. */
export interface Route {
  readonly methods: readonly Method[];
  readonly path: string;
  readonly name: string;
  readonly auth: 'token' | 'none' | 'optional';
  readonly policy: string | undefined;
  readonly since: Microversion | undefined;
  readonly before: Microversion | undefined;
  readonly fixedVersion: Microversion | undefined;
  readonly query: TSchema | undefined;
  readonly body: TSchema | undefined;
  readonly bodyKind: 'json' | 'stream' | 'raw';
  readonly consumes: readonly string[];
  readonly maxBodyBytes: number;
  readonly status: number;
  readonly response: TSchema | undefined;
  readonly documents: (() => RouteDocuments) | undefined;
  /** The path at which documents have it, when this is another way to reach the same. */
  readonly aliasOf?: string;
  handler(request: ApiRequest, reply: FastifyReply): unknown;
}

/** oslo.middleware's limit. Smaller refuses honest requests with user data, larger lets one caller fill memory. */
export const MAX_BODY_BYTES = 114_688;

/** States one operation: everything about it that is data, and the function that does it. */
export function route<Q extends TSchema = TSchema, B extends TSchema = TSchema>(
  definition: RouteDefinition<Q, B>,
): Route {
  return {
    methods: typeof definition.method === 'string' ? [definition.method] : definition.method,
    path: definition.path,
    name: definition.name,
    auth: definition.auth ?? 'token',
    policy: definition.policy,
    since: definition.since === undefined ? undefined : parseMicroversion(definition.since),
    before: definition.before === undefined ? undefined : parseMicroversion(definition.before),
    fixedVersion: definition.fixedVersion === undefined ? undefined : parseMicroversion(definition.fixedVersion),
    query: definition.query,
    body: definition.body,
    bodyKind: definition.bodyKind ?? 'json',
    consumes: definition.consumes ?? [],
    maxBodyBytes: definition.maxBodyBytes ?? MAX_BODY_BYTES,
    status: definition.status ?? 200,
    response: definition.response,
    documents: definition.documents,
    handler: definition.handler as Route['handler'],
  };
}
