import { Type } from 'typebox';
import { type ApiRequest, Reply, type Route, route } from '#kernel/api/route.ts';
import type { IdentityDeps } from '../deps.ts';

import {
  changeConfig,
  type DomainConfig,
  type Part,
  readConfig,
  readDefaults,
  removeConfig,
  replaceConfig,
} from './logic.ts';

/** Groups in one body; there are two. */
const MAX_GROUPS = 16;
const ConfigBody = Type.Object({ config: Type.Record(Type.String(), Type.Unknown(), { maxProperties: MAX_GROUPS }) });
const CONFIG = '/v3/domains/:domainId/config';
const READABLE_BY_ALL = 'security_compliance';

export const domainConfigRoutes = (deps: IdentityDeps): Route[] => [
  route({
    method: 'PUT',
    path: CONFIG,
    name: 'createDomainConfig',
    policy: 'identity:create_domain_config',
    body: ConfigBody,
    handler: async ({ params, body }) => {
      const { config, isNew } = await replaceConfig(deps, params['domainId'] ?? '', body.config as DomainConfig);
      return new Reply({ status: isNew ? 201 : 200, body: { config } });
    },
  }),
  ...partRoutes(deps, CONFIG, 'DomainConfig'),
  ...partRoutes(deps, `${CONFIG}/:group`, 'DomainConfigGroup'),
  ...partRoutes(deps, `${CONFIG}/:group/:option`, 'DomainConfigOption'),
  ...['', '/:group', '/:group/:option'].map((tail) =>
    route({
      method: 'GET',
      path: `/v3/domains/config${tail}/default`,
      name: `showDefaultConfig${tail.replaceAll(/[/:]/g, '-')}`,
      policy: 'identity:get_domain_config_default',
      handler: ({ params }: ApiRequest) => ({ config: readDefaults(partOf(params)) }),
    }),
  ),
];

function partRoutes(deps: IdentityDeps, path: string, what: string): Route[] {
  return [
    route({
      method: 'GET',
      path,
      name: `show${what}`,
      handler: async ({ ctx, params }) => {
        const part = partOf(params);
        const isPublic = part.group === READABLE_BY_ALL;
        deps.policy.enforce(
          ctx,
          isPublic ? 'identity:get_security_compliance_domain_config' : 'identity:get_domain_config',
        );
        return { config: await readConfig(deps, params['domainId'] ?? '', part) };
      },
    }),
    route({
      method: 'PATCH',
      path,
      name: `update${what}`,
      policy: 'identity:update_domain_config',
      body: ConfigBody,
      handler: async ({ params, body }) => ({
        config: await changeConfig(deps, params['domainId'] ?? '', partOf(params), body.config),
      }),
    }),
    route({
      method: 'DELETE',
      path,
      name: `delete${what}`,
      policy: 'identity:delete_domain_config',
      status: 204,
      handler: ({ params }) => removeConfig(deps, params['domainId'] ?? '', partOf(params)),
    }),
  ];
}

function partOf(params: Record<string, string>): Part {
  return { group: params['group'], option: params['option'] };
}
