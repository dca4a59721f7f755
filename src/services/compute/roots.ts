/**
 * Where compute's operations are found. Each stands below `/v2.1` and, as catalogs of before 2.18 have it, below
 * `/v2.1/{project_id}`; and the same below `/v2`, the API of before microversions. Slices write none of it:
 * `path: '/servers/:serverId'`.
 */

import { parseMicroversion } from '#kernel/api/microversion.ts';
import type { ApiRequest, Route } from '#kernel/api/route.ts';
import { BadRequest } from '#kernel/errors.ts';
import { computeMicroversions } from './microversions.ts';

const ROOT = '/v2.1';
const OLD_ROOT = '/v2';
const FIRST_VERSION = parseMicroversion(computeMicroversions.min);

/** States a route at all its places. */
export function atAllRoots(route: Route): Route[] {
  const places = atBothPlaces(ROOT, route);
  const aliasOf = `${ROOT}${route.path}`;
  const isOld =
    (route.since ?? FIRST_VERSION) <= FIRST_VERSION && (route.before === undefined || route.before > FIRST_VERSION);
  return isOld
    ? [
        ...places,
        ...atBothPlaces(OLD_ROOT, { ...route, fixedVersion: FIRST_VERSION }).map((old) => ({ ...old, aliasOf })),
      ]
    : places;
}

/** With and without the project in the path. */
function atBothPlaces(root: string, route: Route): Route[] {
  return [
    { ...route, path: `${root}${route.path}` },
    {
      ...route,
      path: `${root}/:rootProjectId${route.path}`,
      aliasOf: `${ROOT}${route.path}`,
      handler: (request, reply) => {
        checkProjectOfPath(request);
        return route.handler(request, reply);
      },
    },
  ];
}

/** @see nova/api/openstack/wsgi.py, Resource._process_stack */
function checkProjectOfPath({ ctx, params }: ApiRequest): void {
  const inPath = params['rootProjectId'] ?? '';
  if (inPath === ctx.projectId) return;
  throw new BadRequest(
    'compute.url.wrong_project',
    `Malformed request URL: URL's project_id '${inPath}' doesn't match Context's project_id '${ctx.projectId ?? 'None'}'`,
  );
}

/** The caller's root as they wrote it, for links: `http://…:8774/v2.1` or `http://…:8774/v2.1/<project>`. */
export function rootOf(request: Pick<ApiRequest, 'baseUrl' | 'params' | 'url'>): string {
  const root = request.url.startsWith(`${OLD_ROOT}/`) ? OLD_ROOT : ROOT;
  return `${request.baseUrl}${root}${projectPart(request)}`;
}

/** The `self` and `bookmark` links of a thing. */
export function linksOf(
  request: Pick<ApiRequest, 'baseUrl' | 'params' | 'url'>,
  collection: string,
  id: string,
): { rel: 'self' | 'bookmark'; href: string }[] {
  return [
    { rel: 'self', href: `${rootOf(request)}/${collection}/${id}` },
    { rel: 'bookmark', href: bookmarkOf(request, collection, id) },
  ];
}

/** A link that outlives API versions. */
export function bookmarkOf(request: Pick<ApiRequest, 'baseUrl' | 'params'>, collection: string, id: string): string {
  return `${request.baseUrl}${projectPart(request)}/${collection}/${id}`;
}

function projectPart({ params }: Pick<ApiRequest, 'params'>): string {
  const project = params['rootProjectId'];
  return project === undefined ? '' : `/${project}`;
}
