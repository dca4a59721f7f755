import type { FastifyRequest } from 'fastify';

/** Base URL of a request that came through the one-port gateway, set by it. */
export const gatewayBase: unique symbol = Symbol('gatewayBase');

/** Where the service is, as the caller reached it: by the gateway, or by its own `publicUrl`. */
export function baseUrlOf(request: FastifyRequest, publicUrl: string): string {
  return (request.raw as { [gatewayBase]?: string })[gatewayBase] ?? publicUrl;
}
