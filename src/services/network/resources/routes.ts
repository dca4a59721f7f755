import { type ApiRequest, Reply, type Route, route } from '#kernel/api/route.ts';
import type { NetworkDeps } from '../deps.ts';
import { createItems, deleteItem, listItems, showItem, updateItem } from './operations.ts';
import { type ListQuery, readFields, readQuery } from './query.ts';
import type { Resource } from './resource.ts';
import { AnyBody, documentsOf } from './schema.ts';

/** The routes of one resource: list, show, and create, update, delete where it has them. */
export function resourceRoutes(deps: NetworkDeps, resource: Resource): Route[] {
  const base = `/v2.0/${resource.path}`;
  const noun = camelCase(resource.singular);
  const filterable = new Set(Object.keys(resource.source.filters));
  const documents = documentsOf(resource);
  const routes = [
    route({
      method: 'GET',
      path: base,
      name: `list${camelCase(resource.plural)}`,
      documents: documents.list,
      handler: async (request) => {
        const query = readQuery(request.query, resource.attributes, filterable);
        const { items, ids, isFull } = await listItems(deps, resource, request.ctx, query);
        const links = pageLinks(request, query, ids, isFull);
        return { [resource.plural]: items, ...(links.length > 0 ? { [`${resource.plural}_links`]: links } : {}) };
      },
    }),
    route({
      method: 'GET',
      path: `${base}/:id`,
      name: `show${noun}`,
      documents: documents.show,
      handler: async ({ ctx, params, query }) => ({
        [resource.singular]: await showItem(deps, resource, ctx, params['id'] ?? '', readFields(query)),
      }),
    }),
  ];
  if (resource.create !== undefined)
    routes.push(
      route({
        method: 'POST',
        path: base,
        name: `create${noun}`,
        documents: documents.create,
        status: 201,
        body: AnyBody,
        maxBodyBytes: MAX_BODY_BYTES,
        handler: ({ ctx, body }) => createItems(deps, resource, ctx, body),
      }),
    );
  if (resource.update !== undefined)
    routes.push(
      route({
        method: 'PUT',
        path: `${base}/:id`,
        name: `update${noun}`,
        documents: documents.update,
        body: AnyBody,
        handler: async ({ ctx, params, body, headers }) => ({
          [resource.singular]: await updateItem(deps, resource, ctx, params['id'] ?? '', body, headers['if-match']),
        }),
      }),
    );
  if (resource.remove !== undefined)
    routes.push(
      route({
        method: 'DELETE',
        path: `${base}/:id`,
        name: `delete${noun}`,
        documents: documents.remove,
        status: 204,
        handler: async ({ ctx, params, headers }) => {
          await deleteItem(deps, resource, ctx, params['id'] ?? '', headers['if-match']);
          return new Reply({ status: 204 });
        },
      }),
    );
  return routes;
}

/** A bulk request of 500 ports with options fits; oslo's limit would not take it. */
const MAX_BODY_BYTES = 1024 * 1024;

/** `next` and `previous`, for those who asked for a limit or met ours. */
function pageLinks(
  { baseUrl, url }: ApiRequest,
  query: ListQuery,
  ids: readonly string[],
  isFull: boolean,
): { readonly rel: string; readonly href: string }[] {
  if (query.limit === undefined && !isFull) return [];
  const [path = '', search = ''] = url.split('?', 2);
  const link = (rel: 'next' | 'previous', marker: string | undefined): { rel: string; href: string } => {
    const params = new URLSearchParams(search);
    params.delete('marker');
    params.delete('page_reverse');
    if (marker !== undefined) params.set('marker', marker);
    if (rel === 'previous') params.set('page_reverse', 'True');
    return { rel, href: `${baseUrl}${path}?${params.toString()}` };
  };
  const links = [];
  if (isFull || query.isReverse) links.push(link('next', ids.at(-1)));
  if (isFull || !query.isReverse) links.push(link('previous', ids[0]));
  return links;
}

function camelCase(name: string): string {
  return name.replace(/(?:^|[_-])([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
