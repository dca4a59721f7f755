/** The documents at the root of the service, which need no token. @see nova/api/openstack/compute/versions.py */
import { type ApiRequest, Reply, type Route, route } from '#kernel/api/route.ts';
import { computeMicroversions } from './microversions.ts';

interface VersionDocument {
  readonly id: string;
  readonly status: string;
  readonly version: string;
  readonly min_version: string;
  readonly updated: string;
}

const V2: VersionDocument = {
  id: 'v2.0',
  status: 'SUPPORTED',
  version: '',
  min_version: '',
  updated: '2011-01-21T11:33:21Z',
};
const V21: VersionDocument = {
  id: 'v2.1',
  status: 'CURRENT',
  version: computeMicroversions.max,
  min_version: computeMicroversions.min,
  updated: '2013-07-23T11:33:21Z',
};
const VERSIONS = [
  { root: 'v2', document: V2, mediaType: 'application/vnd.openstack.compute+json;version=2' },
  { root: 'v2.1', document: V21, mediaType: 'application/vnd.openstack.compute+json;version=2.1' },
] as const;

export const versionRoutes: readonly Route[] = [
  route({ method: 'GET', path: '/', name: 'listVersions', auth: 'none', handler: listVersions }),
  ...VERSIONS.map((version) =>
    route({
      method: 'GET',
      path: `/${version.root}`,
      name: 'showVersion',
      auth: 'none',
      handler: (request) => ({ version: wholeVersion(request, version) }),
    }),
  ),
  route({ method: 'GET', path: '/:anything', name: 'listVersionChoices', auth: 'none', handler: listChoices }),
];

function listVersions({ baseUrl }: ApiRequest): unknown {
  return {
    versions: VERSIONS.map(({ root, document }) => ({
      ...document,
      links: [{ rel: 'self', href: `${baseUrl}/${root}/` }],
    })),
  };
}

function wholeVersion({ baseUrl }: ApiRequest, { root, document, mediaType }: (typeof VERSIONS)[number]): unknown {
  return {
    ...document,
    links: [
      { rel: 'self', href: `${baseUrl}/${root}/` },
      { rel: 'describedby', type: 'text/html', href: 'http://docs.openstack.org/' },
    ],
    'media-types': [{ base: 'application/json', type: mediaType }],
  };
}

/** For those who ask for a version that isn't one. */
function listChoices({ baseUrl, url }: ApiRequest): Reply {
  const path = url.split('?', 1)[0] ?? '';
  return new Reply({
    status: 300,
    body: {
      choices: VERSIONS.map(({ root, document, mediaType }) => ({
        id: document.id,
        status: document.status,
        links: [{ rel: 'self', href: `${baseUrl}/${root}${path}` }],
        'media-types': [{ base: 'application/json', type: mediaType }],
      })),
    },
  });
}
