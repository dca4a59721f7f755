/** Runs the operation that a request asks for: policy, then query and body against the schema of its microversion, then the handler. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type ErrorStyle, kernelErrors } from '../api/envelope.ts';
import { type Microversion, parseMicroversion } from '../api/microversion.ts';
import { type ApiRequest, type Feature, Reply, type Route } from '../api/route.ts';
import type { Validator } from '../api/validate.ts';
import type { RequestContext } from '../auth/context.ts';
import { baseUrlOf } from './base-url.ts';
import { operationAt, type RunOperation } from './operations.ts';
import { type RequestState, stateOf } from './request-state.ts';
import type { ServiceAppOptions } from './service-options.ts';

/** @returns what runs the right one of the operations that share a path and method. */
export function createDispatch(options: ServiceAppOptions): RunOperation {
  const { style, policy, microversions, publicUrl } = options;
  const maxVersion = microversions === undefined ? undefined : parseMicroversion(microversions.max);
  return async (operations, request, reply) => {
    const state = stateOf(request);
    const operation = operationAt(operations, state.version);
    if (operation === undefined) throw kernelErrors.notFound(style);
    const { route, checkQuery, checkBody } = operation;
    if (route.policy !== undefined) policy.enforce(state.ctx, route.policy, ownTarget(state.ctx));
    const version = state.version ?? maxVersion;
    check(style, 'query', checkQuery, request.query, version);
    if (route.bodyKind === 'json') check(style, 'body', checkBody, request.body, version);
    const answer = await route.handler(apiRequest(request, state, publicUrl), reply);
    return send(answer, route, reply);
  };
}

/** The caller's own project and user, as the target of rules that are held before anything is looked up. */
function ownTarget(ctx: RequestContext): Record<string, unknown> {
  return { project_id: ctx.projectId, tenant_id: ctx.projectId, user_id: ctx.userId, domain_id: ctx.domainId };
}

function check(
  style: ErrorStyle,
  part: 'body' | 'query',
  validator: Validator | undefined,
  value: unknown,
  version: Microversion | undefined,
): void {
  const invalid = validator?.(value, version);
  if (invalid !== undefined) throw style.invalid(part, invalid);
}

function apiRequest(request: FastifyRequest, { ctx, version }: RequestState, publicUrl: string): ApiRequest {
  return {
    ctx,
    params: request.params as Record<string, string>,
    query: request.query,
    body: request.body,
    version,
    has: (feature) => version !== undefined && version >= featureVersion(feature),
    baseUrl: baseUrlOf(request, publicUrl),
    url: request.url,
    headers: request.headers,
    raw: request,
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

function isStream(value: unknown): value is NodeJS.ReadableStream {
  return typeof value === 'object' && value !== null && 'pipe' in value;
}
