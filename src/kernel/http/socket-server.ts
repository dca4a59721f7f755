import { chmodSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { BadRequest, CloudError, errorChain, NotFound } from '../errors.ts';
import type { Log } from '../log.ts';

/** One operation of a private socket: what stands in `:name` places, the query and the JSON body go in. */
export interface SocketRoute {
  /** A PUT's body is not read as JSON: it goes in as a stream, however long it is. */
  readonly method: 'GET' | 'POST' | 'PUT';
  /** `/v1/hosts/:hostId/heartbeat`. */
  readonly path: string;
  /** A value is sent as JSON, null as 204, a stream as it is. */
  handle(call: SocketCall): Promise<unknown>;
}

export interface SocketCall {
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly body: unknown;
  /** The body of a PUT; what is left of it when the call ends is read and forgotten. */
  readonly stream: Readable;
  /** Aborts when the peer hangs up. */
  readonly signal: AbortSignal;
}

export interface SocketUpgrade {
  readonly path: string;
  readonly protocol: string;
  /** Opens the stream that the peer is then connected with. */
  open(params: Readonly<Record<string, string>>): Promise<Duplex>;
}

export interface SocketServerOptions {
  readonly routes: readonly SocketRoute[];
  readonly upgrades?: readonly SocketUpgrade[];
  readonly maxBodyBytes: number;
  readonly log: Log;
}

/**
 * An HTTP server for our own processes on this machine. Who may connect is decided by the socket's file mode.
 * It does not listen yet: {@link listenOnSocket}.
 */
export function createSocketServer(options: SocketServerOptions): Server {
  const server = createServer((request, response) => {
    answer(options, request, response).catch((error: unknown) => {
      options.log.debug({ error: errorChain(error) }, 'peer hung up');
      response.destroy();
    });
  });
  server.on('upgrade', (request, socket) => {
    upgrade(options, request, socket).catch((error: unknown) => {
      options.log.warn({ error: errorChain(error) }, 'upgrade failed');
      socket.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n');
    });
  });
  return server;
}

/** Listens on a Unix socket, replacing what a dead process left there. */
export function listenOnSocket(server: Server, path: string, mode: number): Promise<void> {
  rmSync(path, { force: true });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      chmodSync(path, mode);
      resolve();
    });
  });
}

async function answer(options: SocketServerOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  try {
    const url = new URL(request.url ?? '/', 'http://peer');
    const found = findRoute(
      options.routes.filter((route) => route.method === request.method),
      url.pathname,
    );
    if (found === undefined) throw new NotFound('peer.route', `There is no ${request.method} ${url.pathname}.`);
    const body = request.method === 'POST' ? await readJson(request, options.maxBodyBytes) : undefined;
    const value = await found.route.handle({
      params: found.params,
      query: url.searchParams,
      body,
      stream: request,
      signal: gone.signal,
    });
    await send(response, value);
  } catch (error) {
    // A peer that is still sending would not look for the answer.
    request.resume();
    if (response.headersSent) throw error;
    const status = error instanceof CloudError ? error.status : 500;
    if (status === 500) options.log.error({ path: request.url, error: errorChain(error) }, 'call from a peer failed');
    response.writeHead(status, { 'content-type': 'text/plain' }).end(errorChain(error));
  }
}

async function send(response: ServerResponse, value: unknown): Promise<void> {
  if (value === null || value === undefined) {
    response.writeHead(204).end();
  } else if (typeof value === 'object' && 'pipe' in value) {
    response.writeHead(200, { 'content-type': 'application/octet-stream' });
    await pipeline(value as NodeJS.ReadableStream, response);
  } else if (Buffer.isBuffer(value)) {
    response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(value);
  } else {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  }
}

async function upgrade(options: SocketServerOptions, request: IncomingMessage, socket: Duplex): Promise<void> {
  const wanted = (options.upgrades ?? []).filter((route) => route.protocol === request.headers.upgrade);
  const found = findRoute(wanted, new URL(request.url ?? '/', 'http://peer').pathname);
  if (found === undefined) throw new NotFound('peer.upgrade', `There is no ${request.url}.`);
  const stream = await found.route.open(found.params);
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${found.route.protocol}\r\n\r\n`);
  await Promise.all([pipeline(stream, socket), pipeline(socket, stream)]);
}

async function readJson(request: IncomingMessage, limit: number): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limit) throw new BadRequest('peer.body', `A body of more than ${limit} bytes.`);
    chunks.push(chunk);
  }
  return size === 0 ? undefined : (JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown);
}

function findRoute<R extends { readonly path: string }>(
  routes: readonly R[],
  path: string,
): { readonly route: R; readonly params: Record<string, string> } | undefined {
  const parts = path.split('/');
  for (const route of routes) {
    const wanted = route.path.split('/');
    if (wanted.length !== parts.length) continue;
    const params: Record<string, string> = {};
    const fits = wanted.every((part, i) => {
      if (!part.startsWith(':')) return part === parts[i];
      params[part.slice(1)] = decodeURIComponent(parts[i] ?? '');
      return true;
    });
    if (fits) return { route, params };
  }
  return undefined;
}
