import type { FastifyReply, FastifyRequest } from 'fastify';
import { pathOf, stateOf } from './request-state.ts';
import type { ServiceAppOptions } from './service-options.ts';

/** The form of a request id that a caller may hand on (oslo.middleware). */
const GLOBAL_REQUEST_ID = /^req-[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}$/;

/** Counts a request that was answered, and writes its one line into the log. */
export function recordRequest(
  { type, clock, log, metrics }: Pick<ServiceAppOptions, 'type' | 'clock' | 'log' | 'metrics'>,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const state = stateOf(request);
  const ms = clock.monotonicMs() - state.startedMs;
  metrics.observeRequest({ service: type, route: state.route?.name ?? 'none', status: reply.statusCode }, ms / 1000);
  log.info(
    {
      service: type,
      requestId: state.requestId,
      globalRequestId: globalRequestId(request),
      method: request.method,
      path: pathOf(request),
      route: state.route?.name,
      status: reply.statusCode,
      ms: Math.round(ms * 100) / 100,
      user: state.ctx.userId,
      project: state.ctx.projectId,
    },
    'request served',
  );
}

function globalRequestId(request: FastifyRequest): string | undefined {
  const given = request.headers['x-openstack-request-id'];
  return typeof given === 'string' && GLOBAL_REQUEST_ID.test(given) ? given : undefined;
}
