import { Reply, type Route, route } from '#kernel/api/route.ts';

/** Keystone's API of Zed. */
function version(baseUrl: string): Record<string, unknown> {
  return {
    id: 'v3.14',
    status: 'stable',
    updated: '2020-04-07T00:00:00Z',
    links: [{ rel: 'self', href: `${baseUrl}/v3/` }],
    'media-types': [{ base: 'application/json', type: 'application/vnd.openstack.identity-v3+json' }],
  };
}

/** @see https://docs.openstack.org/api-ref/identity/v3/#list-versions */
export const discoveryRoutes = (): Route[] => [
  route({
    method: 'GET',
    path: '/',
    name: 'listVersions',
    auth: 'none',
    handler: ({ baseUrl }) =>
      new Reply({
        status: 300,
        headers: { Location: `${baseUrl}/v3/` },
        body: { versions: { values: [version(baseUrl)] } },
      }),
  }),
  route({
    method: 'GET',
    path: '/v3',
    name: 'showVersion',
    auth: 'none',
    handler: ({ baseUrl }) => ({ version: version(baseUrl) }),
  }),
];
