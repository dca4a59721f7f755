import { subscribe } from 'node:diagnostics_channel';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { factsOf } from '#kernel/http/service-app.ts';
import { recordOf } from './operation-record.ts';

interface Handled {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly route: { readonly url?: string };
}

/**
 * Notes which operations this process answers below 400, from now on, for `docs/api-coverage.md`. Fastify announces every
 * handled request on a diagnostics channel, so that neither services nor tests do anything for it.
 * @returns a set that grows.
 */
export function watchOperations(): ReadonlySet<string> {
  const seen = new Set<string>();
  subscribe('tracing:fastify.request.handler:start', (message) => {
    const { request, reply, route } = message as Handled;
    const { operations } = request.routeOptions.config as { operations?: readonly unknown[] };
    if (operations === undefined || operations.length === 0 || route.url === undefined) return;
    const line = recordOf(factsOf(request.server).type, request.method, route.url, actionOf(route.url, request.body));
    reply.raw.once('finish', () => {
      if (reply.statusCode < 400) seen.add(line);
    });
  });
  return seen;
}

/** `POST …/action` says in its body's only key what it wants. */
function actionOf(url: string, body: unknown): string {
  const isAction = /\/actions?$/.test(url) && typeof body === 'object' && body !== null;
  return isAction ? (Object.keys(body)[0] ?? '') : '';
}
