/** What a request goes through before its body is read: request id, token, microversion, and the operation at that. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { kernelErrors } from '../api/envelope.ts';
import { microversionHeaders, negotiateMicroversion, parseMicroversion } from '../api/microversion.ts';
import type { Route } from '../api/route.ts';
import { isAllowedBy } from '../auth/access-rules.ts';
import { anonymousContext, type Identity, type RequestContext } from '../auth/context.ts';
import { newRequestId } from '../ids.ts';
import { createMethodLookup, operationAt, operationsOf } from './operations.ts';
import { pathOf, type RequestState, setState, stateOf } from './request-state.ts';
import type { ServiceAppOptions } from './service-options.ts';

/** Longest path and query together. Longer ones are no API call. */
const MAX_URL_LENGTH = 16_384;

export interface Admission {
  /** @throws {Unauthorized} without a valid token; {NotAcceptable} for a microversion that the service does not speak. */
  begin(request: FastifyRequest, reply: FastifyReply): Promise<void>;
  /** Refuses a path, or a method of one, that no route has; whoever has no token is told of that first. */
  refuseUnknown(request: FastifyRequest): Promise<never>;
}

export function createAdmission(options: ServiceAppOptions): Admission {
  const { style, clock, microversions } = options;
  const methodsAt = createMethodLookup(options.routes);

  /** Answers say which microversion the service speaks, even those to requests that fail from here on. */
  function negotiate(request: FastifyRequest, reply: FastifyReply, route: Route): RequestState['version'] {
    if (route.fixedVersion !== undefined) return route.fixedVersion;
    if (microversions === undefined || route.auth === 'none') return undefined;
    reply.headers(microversionHeaders(microversions, parseMicroversion(microversions.min)));
    const version = negotiateMicroversion(microversions, request.headers);
    reply.headers(microversionHeaders(microversions, version));
    return version;
  }

  return {
    async begin(request, reply) {
      const requestId = newRequestId();
      const state: RequestState = {
        startedMs: clock.monotonicMs(),
        requestId,
        route: undefined,
        ctx: anonymousContext(requestId, request.ip),
        version: undefined,
      };
      setState(request, state);
      reply.header('x-openstack-request-id', requestId);
      if (options.type === 'compute') reply.header('x-compute-request-id', requestId);
      if (request.url.length > MAX_URL_LENGTH) throw kernelErrors.tooLarge(style);
      const operations = operationsOf(request) ?? [];
      const first = operations[0]?.route; // operations of one path and method agree on `auth` and `fixedVersion`
      if (first === undefined) return;
      if (first.auth !== 'none') state.ctx = await authenticate(options, request, state.ctx, first.auth);
      state.version = negotiate(request, reply, first);
      state.route = operationAt(operations, state.version)?.route;
    },

    async refuseUnknown(request) {
      const state = stateOf(request);
      state.ctx = await authenticate(options, request, state.ctx, 'token');
      const methods = methodsAt(pathOf(request).replace(/\/+$/, ''));
      throw methods.length > 0 ? kernelErrors.methodNotAllowed(style, methods) : kernelErrors.notFound(style);
    },
  };
}

async function authenticate(
  options: ServiceAppOptions,
  request: FastifyRequest,
  anonymous: RequestContext,
  auth: 'token' | 'optional',
): Promise<RequestContext> {
  const token = request.headers['x-auth-token'];
  if (typeof token === 'string' && token !== '') {
    const identity = await options.authenticator.authenticate(token);
    if (identity !== undefined && isWithinRules(identity, options.type, request))
      return { ...anonymous, ...identity, isAuthenticated: true };
  }
  if (auth === 'optional') return anonymous;
  throw kernelErrors.unauthorized(options.style, options.identityUrl);
}

/** An application credential may be for some operations alone. */
function isWithinRules({ accessRules }: Identity, service: string, request: FastifyRequest): boolean {
  if (accessRules === undefined) return true;
  return isAllowedBy(accessRules, { service, method: request.method, path: pathOf(request) });
}
