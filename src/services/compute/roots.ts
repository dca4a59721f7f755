/**
 * Where compute's operations are found. Each stands below `/v2.1` and, as catalogs of before 2.18 have it, below
 * `/v2.1/{project_id}`; slices write neither: `path: '/servers/:serverId'`.
 */
import type { ApiRequest, Route } from '#kernel/api/route.ts';
import { BadRequest } from '#kernel/errors.ts';

const ROOT = '/v2.1';

/** States a route at both its places. */
export function atBothRoots(route: Route): Route[] {
  return [
    { ...route, path: `${ROOT}${route.path}` },
    {
      ...route,
      path: `${ROOT}/:rootProjectId${route.path}`,
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
export function rootOf(request: Pick<ApiRequest, 'baseUrl' | 'params'>): string {
  return `${request.baseUrl}${ROOT}${projectPart(request)}`;
}

/** The `self` and `bookmark` links of a thing. */
export function linksOf(
  request: Pick<ApiRequest, 'baseUrl' | 'params'>,
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
