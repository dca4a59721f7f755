import type { FastifyInstance } from 'fastify';
import type { RequestContext } from '#kernel/auth/context.ts';
import { BadRequest, CloudError, Conflict, Forbidden, NotFound, ServiceUnavailable } from '#kernel/errors.ts';

/** A service whose own API is asked, in process and with the caller's token: its policy, quotas and checks apply. */
export interface AskedService {
  readonly app: Pick<FastifyInstance, 'inject'>;
}

export interface Question {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With its query: `/v2.0/networks?name=x`. */
  readonly path: string;
  readonly body?: unknown;
  readonly contentType?: string;
}

/**
 * Asks another service's API.
 * @returns the answer's JSON; undefined where it has none.
 * @throws {CloudError} of the same status and with the same sentence, in this service's taxonomy.
 */
export async function ask<T>(service: AskedService, ctx: RequestContext, question: Question): Promise<T> {
  const { method, path, body, contentType = 'application/json' } = question;
  const answer = await service.app.inject({
    method,
    url: path,
    headers: { 'x-auth-token': ctx.token, ...(body === undefined ? {} : { 'content-type': contentType }) },
    ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
  });
  if (answer.statusCode >= 400) throw errorOf(answer.statusCode, answer.body);
  return (answer.body === '' ? undefined : JSON.parse(answer.body)) as T;
}

function errorOf(status: number, body: string): CloudError {
  const sentence = sentenceOf(body);
  switch (status) {
    case 400:
      return new BadRequest('compute.proxy', sentence);
    case 403:
      return new Forbidden('compute.proxy', sentence);
    case 404:
      return new NotFound('compute.proxy', sentence);
    case 409:
      return new Conflict('compute.proxy', sentence);
    default:
      return new ServiceUnavailable('compute.proxy', sentence);
  }
}

/** Network says `{"NeutronError": {"message": …}}`, image writes HTML around its words. */
function sentenceOf(body: string): string {
  try {
    const { NeutronError: error } = JSON.parse(body) as { NeutronError?: { message?: unknown } };
    return typeof error?.message === 'string' ? error.message : 'The other service refused the request.';
  } catch {
    return (
      body
        .replace(/^[\s\S]*<\/h1>/i, '')
        .replace(/<[^>]*>/g, ' ')
        .replace(/\s+/g, ' ')
        .trim()
        .slice(0, 500) || 'The other service refused the request.'
    );
  }
}

/** Whether it failed for this reason. */
export function isStatus(error: unknown, status: number): error is CloudError {
  return error instanceof CloudError && error.status === status;
}
