/** Answers to what failed: in the service's words for what it refuses itself, and without any detail for what is a bug. */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type ErrorStyle, sentencesOf, type WireError } from '../api/envelope.ts';
import { CloudError, errorChain } from '../errors.ts';
import { stateOf } from './request-state.ts';
import type { ServiceAppOptions } from './service-options.ts';

/** Statuses of Node's refusals; all others are 400. */
const BROKEN_STATUS: Readonly<Record<string, number>> = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 };

/** Sends the answer to a request that has failed by `error`; a bug is logged with all that is known of it. */
export function answerFailure(
  { style, log }: Pick<ServiceAppOptions, 'style' | 'log'>,
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
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
    message: known?.message ?? frameworkSentence(style, status),
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

function frameworkSentence(style: ErrorStyle, status: number): string {
  const sentences = sentencesOf(style);
  if (status === 415) return sentences.unsupportedMediaType;
  return status >= 500 ? sentences.internal : sentences.malformedBody;
}

function stackOf(error: unknown): string | undefined {
  return error instanceof Error ? error.stack : undefined;
}

/**
 * Answers what is not HTTP, or has too much of a head, and ends the connection. There is no body, for nobody knows whether it was
 * a HEAD; and the client is told that it cannot use the connection again.
 */
export function refuseBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (socket.writable && error.code !== 'ECONNRESET') {
    const status = BROKEN_STATUS[error.code ?? ''] ?? 400;
    socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
  }
  socket.destroy(error);
}
