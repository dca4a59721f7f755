import { type Route, route } from '#kernel/api/route.ts';
import { documents } from './documents.ts';

export const schemaRoutes = (): Route[] =>
  Object.entries(documents).map(([name, document]) =>
    route({ method: 'GET', path: `/v2/schemas/${name}`, name: `showSchema:${name}`, handler: () => document }),
  );
