/**
 * Servers' screens in a browser: a page with noVNC, and a web socket that carries VNC to the host's agent.
 *
 * Theory of operation. A web socket is opened with a token from the API, which is looked up at that moment: it opens the
 * one server that it was given for, on the host that has it now, and nothing once the server is deleted. Browsers are
 * let in only from this proxy's own public address, which comes from the settings and never from a Host header; programs
 * send no Origin. A console ends when either side does; nothing about it is kept.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createWebSocketStream, type WebSocket, WebSocketServer } from 'ws';
import type { Clock } from '#kernel/clock.ts';
import { CloudError, errorChain, ServiceUnavailable } from '#kernel/errors.ts';
import type { Log } from '#kernel/log.ts';
import { type Asset, loadConsoleAssets } from './assets.ts';
import type { ConsoleTarget } from './store.ts';

export interface ConsoleProxyOptions {
  /** Where browsers find the proxy, without a slash at the end: `http://192.0.2.1:6080`. */
  readonly publicUrl: string;
  /** Origins whose pages may show the console inside of theirs, such as the dashboard's. */
  readonly frameAncestors?: readonly string[];
}

export interface ConsoleProxyDeps {
  /** Whose console a token opens; undefined for one that isn't good. */
  findConsole(token: string): Promise<ConsoleTarget | undefined>;
  connectConsole(target: ConsoleTarget): Promise<Duplex>;
  readonly clock: Clock;
  readonly log: Log;
}

/** Consoles open at once. Each costs two sockets and some buffers; people seldom have more than a few. */
const MAX_CONSOLES = 500;
/** How long a host may take to open a screen. */
const CONNECT_DEADLINE_MS = 10_000;
/** Longest message from a browser: pasted text. The screen goes the other way. */
const MAX_MESSAGE_BYTES = 1024 * 1024;
/** How often an idle browser is asked whether it is still there; two missed answers end the console. */
const PING_MS = 30_000;
/** Longest time a client may take over its headers. */
const HEADERS_TIMEOUT_MS = 15_000;

/** Builds the proxy; it does not listen yet. Closing it ends every console. */
export function createConsoleProxy(deps: ConsoleProxyDeps, options: ConsoleProxyOptions): Server {
  const { log } = deps;
  const origin = new URL(options.publicUrl).origin;
  const assets = loadConsoleAssets();
  const headers = securityHeaders(origin, options.frameAncestors ?? []);
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: MAX_MESSAGE_BYTES,
    handleProtocols: (offered) => (offered.has('binary') ? 'binary' : false),
  });
  let openCount = 0;

  async function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    if (request.headers.origin !== undefined && request.headers.origin !== origin) {
      log.warn({ origin: request.headers.origin.slice(0, 200) }, 'console refused to a page of another origin');
      return refuse(socket, 403);
    }
    if (openCount >= MAX_CONSOLES) return refuse(socket, 503);
    openCount++;
    try {
      const target = await deps.findConsole(tokenOf(request.url ?? ''));
      if (target === undefined) return refuse(socket, 403);
      const screen = await connect(target);
      sockets.handleUpgrade(request, socket, head, (browser) => void carry(target, browser, screen));
    } catch (error) {
      log.warn({ error: errorChain(error) }, 'console could not be opened');
      refuse(socket, error instanceof CloudError ? error.status : 502);
    } finally {
      openCount--;
    }
  }

  /** @throws {ServiceUnavailable} `compute.console.deadline` */
  async function connect(target: ConsoleTarget): Promise<Duplex> {
    const stop = new AbortController();
    const screen = deps.connectConsole(target);
    const deadline = deps.clock.sleep(CONNECT_DEADLINE_MS, stop.signal).then((): undefined => undefined);
    try {
      const first = await Promise.race([screen, deadline]);
      if (first !== undefined) return first;
      screen.then((late) => late.destroy()).catch(() => undefined);
      throw new ServiceUnavailable('compute.console.deadline', 'The host did not open the console in time.');
    } finally {
      stop.abort();
    }
  }

  /** Carries bytes both ways until one side ends. */
  async function carry(target: ConsoleTarget, browser: WebSocket, screen: Duplex): Promise<void> {
    openCount++;
    const stop = new AbortController();
    log.info({ server: target.serverId, host: target.hostId }, 'console opened');
    try {
      void keepAlive(browser, stop.signal);
      const stream = createWebSocketStream(browser);
      await pipeline(stream, screen, stream, { signal: stop.signal });
    } catch (error) {
      log.debug({ server: target.serverId, error: errorChain(error) }, 'console ended');
    } finally {
      stop.abort();
      screen.destroy();
      browser.terminate();
      openCount--;
      log.info({ server: target.serverId }, 'console closed');
    }
  }

  async function keepAlive(browser: WebSocket, signal: AbortSignal): Promise<void> {
    let isThere = true;
    browser.on('pong', () => {
      isThere = true;
    });
    while (!signal.aborted) {
      await deps.clock.sleep(PING_MS, signal);
      if (signal.aborted) return;
      if (!isThere) return browser.terminate();
      isThere = false;
      browser.ping();
    }
  }

  const server = createServer((request, response) => serve(assets, headers, request, response));
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy());
    void upgrade(request, socket, head);
  });
  const close = server.close.bind(server);
  server.close = (callback) => {
    for (const browser of sockets.clients) browser.terminate();
    return close(callback);
  };
  return server;
}

function serve(
  assets: ReadonlyMap<string, Asset>,
  headers: Readonly<Record<string, string>>,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const path = (request.url ?? '').split('?', 1)[0] ?? '';
  const asset = assets.get(path);
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { ...headers, Allow: 'GET, HEAD' }).end();
  } else if (asset === undefined) {
    response.writeHead(404, { ...headers, 'Content-Type': 'text/plain' }).end('There is no such page.\n');
  } else if (request.headers['if-none-match'] === asset.etag) {
    response.writeHead(304, { ...headers, ETag: asset.etag }).end();
  } else {
    response
      .writeHead(200, {
        ...headers,
        'Content-Type': asset.contentType,
        'Content-Length': asset.body.length,
        'Cache-Control': 'no-cache',
        ETag: asset.etag,
      })
      .end(request.method === 'HEAD' ? undefined : asset.body);
  }
}

/** The token stands in the query, and noVNC of old puts the whole of it into `path`. */
function tokenOf(url: string): string {
  const query = new URLSearchParams(url.slice(url.indexOf('?') + 1));
  const path = query.get('path') ?? '';
  return query.get('token') ?? new URLSearchParams(path.slice(path.indexOf('?') + 1)).get('token') ?? '';
}

const REASONS: Readonly<Record<number, string>> = { 403: 'Forbidden', 404: 'Not Found', 502: 'Bad Gateway' };

function refuse(socket: Duplex, status: number): void {
  socket.end(
    `HTTP/1.1 ${status} ${REASONS[status] ?? 'Service Unavailable'}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
  );
}

/** The token stands in the page's address: no other site may see it, and no script but our own runs. */
function securityHeaders(origin: string, frameAncestors: readonly string[]): Readonly<Record<string, string>> {
  const socketOrigin = origin.replace(/^http/, 'ws');
  return {
    'Content-Security-Policy': [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "img-src 'self' data:",
      `connect-src 'self' ${socketOrigin}`,
      "base-uri 'none'",
      "form-action 'none'",
      `frame-ancestors ${["'self'", ...frameAncestors].join(' ')}`,
    ].join('; '),
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
    'Cross-Origin-Resource-Policy': 'same-origin',
  };
}
