import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { gatewayBase } from './base-url.ts';

export interface GatewayOptions {
  /** Services by their prefix: `/compute/v2.1/servers` goes to `compute` as `/v2.1/servers`. */
  readonly services: Readonly<Record<string, FastifyInstance>>;
  /** Where clients find this gateway, without a slash at the end. */
  readonly publicUrl: string;
  /** Whatever no prefix claims: the dashboard. */
  readonly fallback: (request: IncomingMessage, response: ServerResponse) => void;
}

/** Longest time a client may take over its headers. */
const HEADERS_TIMEOUT_MS = 15_000;

/**
 * All services under one port, by path, for those who can forward only one.
 * Nothing is proxied: a request is handed to its service in process. The services must be ready.
 */
export function createGateway(options: GatewayOptions): Server {
  const services = new Map(Object.entries(options.services));
  const server = createServer((request, response) => {
    const [, prefix = '', rest = ''] = /^\/+([^/?]*)(.*)$/s.exec(request.url ?? '') ?? [];
    const service = services.get(prefix);
    if (service === undefined) return options.fallback(request, response);
    request.url = rest.startsWith('/') ? rest : `/${rest}`;
    Object.assign(request, { [gatewayBase]: `${options.publicUrl}/${prefix}` });
    service.routing(request, response);
  });
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  server.keepAliveTimeout = 75_000;
  return server;
}
