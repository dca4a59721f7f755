import { type Route, route } from '#kernel/api/route.ts';
import { MAX_VERSION } from './errors.ts';

/** The version document, for those who have no token yet. */
export const rootRoutes = (): Route[] => [
  route({
    method: 'GET',
    path: '/',
    name: 'listVersions',
    auth: 'none',
    handler: () => ({
      versions: [
        {
          id: 'v1.0',
          max_version: MAX_VERSION,
          min_version: '1.0',
          status: 'CURRENT',
          links: [{ rel: 'self', href: '' }],
        },
      ],
    }),
  }),
];
