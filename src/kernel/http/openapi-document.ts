import type { FastifyInstance } from 'fastify';
import { baseUrlOf } from './base-url.ts';
import type { ServiceAppOptions } from './service-options.ts';

/** Adds the service's OpenAPI document, for everybody; made when it is first asked for, for some megabytes of work are seldom needed. */
export function addOpenApi(app: FastifyInstance, options: ServiceAppOptions): void {
  const { type, routes, style, policy, microversions, publicUrl } = options;
  const known = new Map<string, Promise<string>>();
  app.route({
    method: 'GET',
    url: '/openapi.json',
    handler: async (request, reply) => {
      const baseUrl = baseUrlOf(request, publicUrl);
      // one for the service's own port, one for the gateway's
      let document = known.get(baseUrl);
      if (document === undefined) {
        document = import('../api/openapi.ts').then(({ describeService }) =>
          JSON.stringify(describeService({ type, routes, style, microversions, rules: policy.rules }, baseUrl)),
        );
        known.set(baseUrl, document);
      }
      return reply
        .type('application/json')
        .header('access-control-allow-origin', '*')
        .send(await document);
    },
  });
}
