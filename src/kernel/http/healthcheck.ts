import type { FastifyInstance } from 'fastify';
import type { ServiceAppOptions } from './service-options.ts';

/** Adds oslo.middleware's healthcheck, which is no operation of the service: plain text, or JSON for those who ask for it. */
export function addHealthcheck(app: FastifyInstance, health: ServiceAppOptions['health']): void {
  app.route({
    method: 'GET',
    url: '/healthcheck',
    handler: (request, reply) => {
      const trouble = health?.();
      const status = trouble === undefined ? (request.method === 'HEAD' ? 204 : 200) : 503;
      if (request.headers.accept?.includes('application/json') === true) {
        return reply
          .code(status)
          .type('application/json')
          .send(JSON.stringify({ detailed: false, reasons: [trouble ?? 'OK'] }));
      }
      return reply
        .code(status)
        .type('text/plain')
        .send(trouble ?? 'OK');
    },
  });
}
