/**
 * Notes which operations answer below 400 while tests run (but for those by chance), for `docs/api-coverage.md`. Fastify announces every handled
 * request on a diagnostics channel, so that neither services nor tests do anything for it.
 * @see tools/api-coverage.ts
 */
import { subscribe } from 'node:diagnostics_channel';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { afterAll, expect } from 'vitest';
import { factsOf } from '#kernel/http/service-app.ts';
import { recordOf } from './operation-record.ts';

interface Handled {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly route: { readonly url?: string };
}

const folder = fileURLToPath(new URL('../../.pileus/test/operations', import.meta.url));
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

/** `POST …/action` says in its body's only key what it wants. */
function actionOf(url: string, body: unknown): string {
  const isAction = /\/actions?$/.test(url) && typeof body === 'object' && body !== null;
  return isAction ? (Object.keys(body)[0] ?? '') : '';
}

/** Tests that send what chance gives them: an answer says nothing of whether the operation did what it should. */
const BY_CHANCE = /hostile/;

afterAll(() => {
  if (seen.size === 0 || BY_CHANCE.test(expect.getState().testPath ?? '')) return;
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, `${process.pid}-${process.env['VITEST_WORKER_ID'] ?? '0'}-${Date.now()}.txt`),
    [...seen].join('\n'),
  );
});
