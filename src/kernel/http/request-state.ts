import type { FastifyRequest } from 'fastify';
import type { Microversion } from '../api/microversion.ts';
import type { Route } from '../api/route.ts';
import type { RequestContext } from '../auth/context.ts';

/** What is known of a request so far. */
export interface RequestState {
  readonly startedMs: number;
  readonly requestId: string;
  /** The operation asked for, once there is one at the request's microversion. */
  route: Route | undefined;
  /** Anonymous until a token was checked. */
  ctx: RequestContext;
  version: Microversion | undefined;
}

const states = new WeakMap<FastifyRequest, RequestState>();

/** Keeps the state with its request. */
export function setState(request: FastifyRequest, state: RequestState): void {
  states.set(request, state);
}

/** The state of a request that has begun. */
export function stateOf(request: FastifyRequest): RequestState {
  const state = states.get(request);
  if (state === undefined) throw new Error('a request without a beginning');
  return state;
}

/** The path without its query. */
export function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? '';
}
