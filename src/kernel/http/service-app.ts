/**
 * One API service as a Fastify application: what every request goes through, in this order.
 *
 *   request id → token → microversion → body read → route exists at it → policy → query and body against the schema → handler
 *
 * The routes are data (`kernel/api/route.ts`); the service gives its words for errors (`ErrorStyle`).
 */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest, type HTTPMethods } from 'fastify';
import { type ErrorStyle, kernelErrors, sentencesOf, type WireError } from '../api/envelope.ts';
import {
  type Microversion,
  type MicroversionRange,
  microversionHeaders,
  negotiateMicroversion,
  parseMicroversion,
} from '../api/microversion.ts';
import { type ApiRequest, type Feature, Reply, type Route } from '../api/route.ts';
import { createValidator, type Validator } from '../api/validate.ts';
import { isAllowedBy } from '../auth/access-rules.ts';
import { type Authenticator, anonymousContext, type Identity, type RequestContext } from '../auth/context.ts';
import type { Policy } from '../auth/policy.ts';
import type { Clock } from '../clock.ts';
import { CloudError, errorChain } from '../errors.ts';
import { newRequestId } from '../ids.ts';
import type { Log } from '../log.ts';
import { readBody } from './body.ts';
import type { Metrics } from './metrics.ts';

export interface ServiceAppOptions {
  /** The catalog's service type: `compute`. */
  readonly type: string;
  readonly routes: readonly Route[];
  readonly style: ErrorStyle;
  readonly policy: Policy;
  readonly microversions?: MicroversionRange;
  readonly authenticator: Authenticator;
  /** Where clients find this service, such as `http://192.0.2.1:8774`; never taken from a Host header. */
  readonly publicUrl: string;
  /** Where clients find identity: named in 401 answers. */
  readonly identityUrl: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Whether a slash at a path's end makes it another path, as in glance: `/v2/images/` is then an image without an id. */
  readonly isSlashStrict?: boolean;
  /** Whether the service can do its work; a sentence when it can't. */
  readonly health?: () => string | undefined;
}

/** Longest path and query together. Longer ones are no API call. */
const MAX_URL_LENGTH = 16_384;
/** One path variable. */
const MAX_PARAM_LENGTH = 1_024;
/** The form of a request id that a caller may hand on (oslo.middleware). */
const GLOBAL_REQUEST_ID = /^req-[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}$/;

/** Statuses of Node's refusals; all others are 400. */
const BROKEN_STATUS: Readonly<Record<string, number>> = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 };

/** Base URL of a request that came through the one-port gateway, set by it. */
export const gatewayBase: unique symbol = Symbol('gatewayBase');

interface RequestState {
  readonly startedMs: number;
  readonly requestId: string;
  route: Route | undefined;
  ctx: RequestContext;
  version: Microversion | undefined;
}

const states = new WeakMap<FastifyRequest, RequestState>();

/** What an application was built from: for documents and for tests that walk every operation. */
export interface ServiceAppFacts {
  readonly type: string;
  readonly routes: readonly Route[];
}

const facts = new WeakMap<FastifyInstance, ServiceAppFacts>();

/**
 * The service type and operations of an application made by {@link createServiceApp}.
 * @throws {Error} for any other application.
 */
export function factsOf(app: FastifyInstance): ServiceAppFacts {
  const found = facts.get(app);
  if (found === undefined) throw new Error('not an application of createServiceApp');
  return found;
}

/** Builds the application; it does not listen yet. */
export function createServiceApp(options: ServiceAppOptions): FastifyInstance {
  const app = fastify({
    logger: false,
    routerOptions: {
      ignoreTrailingSlash: options.isSlashStrict !== true,
      ignoreDuplicateSlashes: true,
      maxParamLength: MAX_PARAM_LENGTH,
    },
    exposeHeadRoutes: true,
    // Streams of images and consoles take long; each handler has its own deadlines.
    requestTimeout: 0,
    keepAliveTimeout: 75_000,
    return503OnClosing: false,
    clientErrorHandler: refuseBrokenRequest,
  });
  app.addHttpMethod('COPY', { hasBody: false });
  app.setSerializerCompiler(() => (value) => JSON.stringify(value));
  app.setValidatorCompiler(() => () => true);
  const edge = createEdge(options);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (request: FastifyRequest, payload: NodeJS.ReadableStream) =>
    edge.readBody(request, payload),
  );
  app.addHook('onRequest', (request, reply) => edge.begin(request, reply));
  app.addHook('onResponse', async (request, reply) => edge.end(request, reply));
  app.setErrorHandler((error, request, reply) => edge.fail(error, request, reply));
  app.setNotFoundHandler((request) => edge.notFound(request));
  addHealthcheck(app, options);
  addOpenApi(app, options);
  for (const group of Map.groupBy(options.routes, (route) => route.path).values()) edge.mount(app, group);
  facts.set(app, { type: options.type, routes: options.routes });
  return app;
}

/**
 * Answers what is not HTTP, or has too much of a head, and ends the connection. There is no body, for nobody knows whether it was
 * a HEAD; and the client is told that it cannot use the connection again.
 */
function refuseBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (socket.writable && error.code !== 'ECONNRESET') {
    const status = BROKEN_STATUS[error.code ?? ''] ?? 400;
    socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
  }
  socket.destroy(error);
}

interface Operation {
  readonly route: Route;
  readonly checkBody: Validator | undefined;
  readonly checkQuery: Validator | undefined;
}

function createEdge(options: ServiceAppOptions) {
  const { style, policy, clock, log, microversions, authenticator, metrics } = options;
  const patterns: { readonly pattern: RegExp; readonly methods: Set<string> }[] = [];
  const maxVersion = microversions === undefined ? undefined : parseMicroversion(microversions.max);

  /** Several operations may share a path and method, each for its own span of microversions. */
  function mount(app: FastifyInstance, routes: readonly Route[]): void {
    const byMethod = new Map<string, Operation[]>();
    for (const route of routes) {
      for (const method of route.methods) byMethod.set(method, [...(byMethod.get(method) ?? []), prepare(route)]);
    }
    const path = routes[0]?.path ?? '/';
    patterns.push({ pattern: patternOf(path), methods: new Set(byMethod.keys()) });
    for (const [method, operations] of byMethod) {
      const first = operations[0]?.route;
      if (first === undefined || (method === 'HEAD' && byMethod.has('GET'))) continue;
      app.route({
        method: method as HTTPMethods,
        url: path,
        config: { operations },
        handler: (request, reply) => run(operations, request, reply),
      });
    }
  }

  function prepare(route: Route): Operation {
    return {
      route,
      checkBody: route.body === undefined ? undefined : createValidator(route.body, 'body'),
      checkQuery: route.query === undefined ? undefined : createValidator(route.query, 'query'),
    };
  }

  async function begin(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const requestId = newRequestId();
    const state: RequestState = {
      startedMs: clock.monotonicMs(),
      requestId,
      route: undefined,
      ctx: anonymousContext(requestId, request.ip),
      version: undefined,
    };
    states.set(request, state);
    reply.header('x-openstack-request-id', requestId);
    if (options.type === 'compute') reply.header('x-compute-request-id', requestId);
    if (request.url.length > MAX_URL_LENGTH) throw kernelErrors.tooLarge(style);
    const operations = operationsOf(request);
    if (operations === undefined) return;
    const auth = operations[0]?.route.auth ?? 'token';
    if (auth !== 'none') state.ctx = await authenticate(request, state.ctx, auth);
    const fixed = operations[0]?.route.fixedVersion;
    if (fixed !== undefined) {
      state.version = fixed;
    } else if (microversions !== undefined && auth !== 'none') {
      // Whatever fails below still says which version it speaks.
      reply.headers(microversionHeaders(microversions, parseMicroversion(microversions.min)));
      state.version = negotiateMicroversion(microversions, request.headers);
      reply.headers(microversionHeaders(microversions, state.version));
    }
    state.route = operations.find(({ route }) => isAt(route, state.version))?.route;
  }

  async function authenticate(
    request: FastifyRequest,
    anonymous: RequestContext,
    auth: 'token' | 'optional',
  ): Promise<RequestContext> {
    const token = request.headers['x-auth-token'];
    if (typeof token === 'string' && token !== '') {
      const identity = await authenticator.authenticate(token);
      if (identity !== undefined && isWithinRules(identity, request))
        return { ...anonymous, ...identity, isAuthenticated: true };
    }
    if (auth === 'optional') return anonymous;
    throw kernelErrors.unauthorized(style, options.identityUrl);
  }

  function isWithinRules({ accessRules }: Identity, request: FastifyRequest): boolean {
    if (accessRules === undefined) return true;
    const path = request.url.split('?', 1)[0] ?? '';
    return isAllowedBy(accessRules, { service: options.type, method: request.method, path });
  }

  async function run(operations: readonly Operation[], request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    const state = stateOf(request);
    const operation = operations.find(({ route }) => isAt(route, state.version));
    if (operation === undefined) throw kernelErrors.notFound(style);
    const { route } = operation;
    if (route.policy !== undefined) policy.enforce(state.ctx, route.policy, ownTarget(state.ctx));
    check('query', operation.checkQuery, request.query, state.version);
    if (route.bodyKind === 'json') check('body', operation.checkBody, request.body, state.version);
    const answer = await route.handler(apiRequest(request, state), reply);
    return send(answer, route, reply);
  }

  function check(
    part: 'body' | 'query',
    validator: Validator | undefined,
    value: unknown,
    version: Microversion | undefined,
  ): void {
    const invalid = validator?.(value, version ?? maxVersion);
    if (invalid !== undefined) throw style.invalid(part, invalid);
  }

  function apiRequest(request: FastifyRequest, state: RequestState): ApiRequest {
    const version = state.version;
    return {
      ctx: state.ctx,
      params: request.params as Record<string, string>,
      query: request.query,
      body: request.body,
      version,
      has: (feature) => version !== undefined && version >= featureVersion(feature),
      baseUrl: baseUrlOf(request, options),
      url: request.url,
      headers: request.headers,
      raw: request,
    };
  }

  function send(answer: unknown, route: Route, reply: FastifyReply): FastifyReply {
    if (reply.sent) return reply;
    if (!(answer instanceof Reply)) {
      reply.code(route.status);
      return answer === undefined ? reply.send() : reply.type('application/json').send(JSON.stringify(answer));
    }
    reply.code(answer.status ?? route.status).headers(answer.headers);
    const { body } = answer;
    if (body === undefined || typeof body === 'string' || Buffer.isBuffer(body) || isStream(body))
      return reply.send(body);
    return reply.type('application/json').send(JSON.stringify(body));
  }

  function fail(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const state = stateOf(request);
    const known = error instanceof CloudError ? error : undefined;
    const status = known === undefined ? frameworkStatus(error) : (style.statusOf?.(known) ?? known.status);
    if (known === undefined && status >= 500) {
      log.error(
        { requestId: state.requestId, route: state.route?.name, error: errorChain(error), stack: stackOf(error) },
        'request failed by a bug',
      );
    }
    const wire: WireError = {
      status,
      code: known?.code ?? (status < 500 ? 'http.refused' : 'internal'),
      message: known?.message ?? frameworkSentence(status),
      type: known?.type,
      requestId: state.requestId,
      accept: request.headers.accept ?? '',
      version: state.version,
    };
    const { contentType, body, headers } = style.envelope(wire);
    // What is left of a refused upload is not read: the connection cannot be used again.
    if (!request.raw.complete) reply.header('connection', 'close');
    return reply
      .code(status)
      .headers({ ...known?.headers, ...headers })
      .type(contentType)
      .send(body);
  }

  /** Fastify's own refusals (bad URL encoding and the like) are the client's fault; all else that is not ours is a bug. */
  function frameworkStatus(error: unknown): number {
    const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500;
    return status >= 400 && status < 500 ? status : 500;
  }

  function frameworkSentence(status: number): string {
    const sentences = sentencesOf(style);
    if (status === 415) return sentences.unsupportedMediaType;
    return status >= 500 ? sentences.internal : sentences.malformedBody;
  }

  async function notFound(request: FastifyRequest): Promise<FastifyReply> {
    const state = stateOf(request);
    state.ctx = await authenticate(request, state.ctx, 'token');
    const path = request.url.split('?', 1)[0]?.replace(/\/+$/, '') ?? '';
    const methods = patterns.filter(({ pattern }) => pattern.test(path)).flatMap((entry) => [...entry.methods]);
    throw methods.length > 0 ? kernelErrors.methodNotAllowed(style, methods) : kernelErrors.notFound(style);
  }

  function end(request: FastifyRequest, reply: FastifyReply): void {
    const state = stateOf(request);
    const ms = clock.monotonicMs() - state.startedMs;
    metrics.observeRequest(
      { service: options.type, route: state.route?.name ?? 'none', status: reply.statusCode },
      ms / 1000,
    );
    log.info(
      {
        service: options.type,
        requestId: state.requestId,
        globalRequestId: globalRequestId(request),
        method: request.method,
        path: request.url.split('?', 1)[0],
        route: state.route?.name,
        status: reply.statusCode,
        ms: Math.round(ms * 100) / 100,
        user: state.ctx.userId,
        project: state.ctx.projectId,
      },
      'request served',
    );
  }

  return {
    mount,
    begin,
    end,
    fail,
    notFound,
    async readBody(request: FastifyRequest, payload: NodeJS.ReadableStream): Promise<unknown> {
      const { route } = stateOf(request);
      return route === undefined ? undefined : readBody(request, payload, route, style);
    },
  };
}

/** Views ask for features by the thousand; there are some dozen. */
const featureVersions = new Map<Feature, Microversion>();

function featureVersion(feature: Feature): Microversion {
  let version = featureVersions.get(feature);
  if (version === undefined) {
    version = parseMicroversion(feature);
    featureVersions.set(feature, version);
  }
  return version;
}

/** oslo.middleware's healthcheck: plain text, or JSON for those who ask for it. */
function addHealthcheck(app: FastifyInstance, { health }: ServiceAppOptions): void {
  app.route({
    method: 'GET',
    url: '/healthcheck',
    config: { operations: [] },
    handler: (request, reply) => {
      const trouble = health?.();
      const status = trouble === undefined ? (request.method === 'HEAD' ? 204 : 200) : 503;
      if (request.headers.accept?.includes('application/json') === true) {
        return reply
          .code(status)
          .type('application/json')
          .send(JSON.stringify({ detailed: false, reasons: [trouble ?? 'OK'] }));
      }
      return reply
        .code(status)
        .type('text/plain')
        .send(trouble ?? 'OK');
    },
  });
}

/** The service's OpenAPI document, for everybody; made when it is first asked for, for some megabytes of work are seldom needed. */
function addOpenApi(app: FastifyInstance, options: ServiceAppOptions): void {
  const { type, routes, style, policy, microversions } = options;
  const known = new Map<string, Promise<string>>();
  app.route({
    method: 'GET',
    url: '/openapi.json',
    config: { operations: [] },
    handler: async (request, reply) => {
      const baseUrl = baseUrlOf(request, options);
      // one for the service's own port, one for the gateway's
      let document = known.get(baseUrl);
      if (document === undefined) {
        document = import('../api/openapi.ts').then(({ describeService }) =>
          JSON.stringify(describeService({ type, routes, style, microversions, rules: policy.rules }, baseUrl)),
        );
        known.set(baseUrl, document);
      }
      return reply
        .type('application/json')
        .header('access-control-allow-origin', '*')
        .send(await document);
    },
  });
}

/** Where the service is, as the caller reached it. */
function baseUrlOf(request: FastifyRequest, options: ServiceAppOptions): string {
  return (request.raw as { [gatewayBase]?: string })[gatewayBase] ?? options.publicUrl;
}

function operationsOf(request: FastifyRequest): readonly Operation[] | undefined {
  const { operations } = request.routeOptions.config as { operations?: readonly Operation[] };
  return operations === undefined || operations.length === 0 ? undefined : operations;
}

function stateOf(request: FastifyRequest): RequestState {
  const state = states.get(request);
  if (state === undefined) throw new Error('a request without a beginning');
  return state;
}

function isAt(route: Route, version: Microversion | undefined): boolean {
  if (version === undefined) return true;
  return (
    (route.since === undefined || version >= route.since) && (route.before === undefined || version < route.before)
  );
}

/** The caller's own project and user, as the target of rules that are held before anything is looked up. */
function ownTarget(ctx: RequestContext): Record<string, unknown> {
  return { project_id: ctx.projectId, tenant_id: ctx.projectId, user_id: ctx.userId, domain_id: ctx.domainId };
}

function globalRequestId(request: FastifyRequest): string | undefined {
  const given = request.headers['x-openstack-request-id'];
  return typeof given === 'string' && GLOBAL_REQUEST_ID.test(given) ? given : undefined;
}

function patternOf(path: string): RegExp {
  const parts = path.split('/').filter((part) => part !== '');
  const pattern = parts.map((part) => (part.startsWith(':') ? '[^/]+' : part === '*' ? '.*' : escapeRegExp(part)));
  return new RegExp(`^/*${pattern.join('/+')}$`);
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

function isStream(value: unknown): value is NodeJS.ReadableStream {
  return typeof value === 'object' && value !== null && 'pipe' in value;
}

function stackOf(error: unknown): string | undefined {
  return error instanceof Error ? error.stack : undefined;
}
