/**
 * One API service as a Fastify application: what every request goes through, in this order.
 *
 *   request id → token → microversion → route exists at it   (`admission.ts`)
 *   → body read                                              (`body.ts`)
 *   → policy → query and body against the schema → handler   (`dispatch.ts`)
 *   → answer, or what failed in the service's words          (`failure.ts`)
 *   → one line in the log                                    (`request-log.ts`)
 *
 * The routes are data (`kernel/api/route.ts`); the service gives its words for errors (`ErrorStyle`).
 */
import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import type { Route } from '../api/route.ts';
import { createAdmission } from './admission.ts';
import { readBody } from './body.ts';
import { createDispatch } from './dispatch.ts';
import { answerFailure, refuseBrokenRequest } from './failure.ts';
import { addHealthcheck } from './healthcheck.ts';
import { addOpenApi } from './openapi-document.ts';
import { mountRoutes } from './operations.ts';
import { recordRequest } from './request-log.ts';
import { stateOf } from './request-state.ts';
import type { ServiceAppOptions } from './service-options.ts';

/** One path variable. */
const MAX_PARAM_LENGTH = 1_024;

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
  const admission = createAdmission(options);
  app.addHook('onRequest', (request, reply) => admission.begin(request, reply));
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', async (request: FastifyRequest, payload: NodeJS.ReadableStream) => {
    const { route } = stateOf(request);
    return route === undefined ? undefined : readBody(request, payload, route, options.style);
  });
  app.setErrorHandler((error, request, reply) => answerFailure(options, error, request, reply));
  app.setNotFoundHandler((request) => admission.refuseUnknown(request));
  app.addHook('onResponse', async (request, reply) => recordRequest(options, request, reply));
  addHealthcheck(app, options.health);
  addOpenApi(app, options);
  mountRoutes(app, options.routes, createDispatch(options));
  facts.set(app, { type: options.type, routes: options.routes });
  return app;
}

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
