import { Reply, type Route, route } from '#kernel/api/route.ts';

/** The versions of the API that are served, all under one path; the newest comes first. */
const VERSIONS = [
  '2.16',
  '2.15',
  '2.14',
  '2.13',
  '2.12',
  '2.11',
  '2.10',
  '2.9',
  '2.8',
  '2.7',
  '2.6',
  '2.5',
  '2.4',
  '2.3',
  '2.2',
  '2.1',
  '2.0',
];

/**
 * `GET /` offers a choice, `GET /versions` simply tells. So does `/v2/`, to which every version's link points: in glance that link
 * leads nowhere.
 * @see glance/api/versions.py
 */
export const versionRoutes = (): Route[] => [
  route({
    method: 'GET',
    path: '/',
    name: 'chooseVersion',
    auth: 'none',
    handler: ({ baseUrl }) => new Reply({ status: 300, body: viewVersions(baseUrl) }),
  }),
  route({
    method: 'GET',
    path: '/versions',
    name: 'listVersions',
    auth: 'none',
    handler: ({ baseUrl }) => viewVersions(baseUrl),
  }),
  route({
    method: 'GET',
    path: '/v2/',
    name: 'showVersions',
    auth: 'none',
    handler: ({ baseUrl }) => viewVersions(baseUrl),
  }),
];

function viewVersions(baseUrl: string): unknown {
  const links = [{ rel: 'self', href: `${baseUrl}/v2/` }];
  return {
    versions: VERSIONS.map((version, index) => ({
      id: `v${version}`,
      status: index === 0 ? 'CURRENT' : 'SUPPORTED',
      links,
    })),
  };
}
