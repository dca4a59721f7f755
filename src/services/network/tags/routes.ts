import { type ApiRequest, Reply, type Route, route } from '#kernel/api/route.ts';
import type { NetworkDeps } from '../deps.ts';
import { actOn } from '../resources/actions.ts';
import { asObject } from '../resources/body.ts';
import { showItem } from '../resources/operations.ts';
import type { Resource } from '../resources/resource.ts';
import { AnyBody } from '../resources/schema.ts';
import { changeTags, checkTag, readTags, tagNotFound } from './logic.ts';

/** Tags of one kind of resource; whoever may change the resource may tag it, and nobody else (CVE-2024-53916). */
export function tagRoutes(deps: NetworkDeps, resource: Resource): Route[] {
  const base = `/v2.0/${resource.path}/:id/tags`;
  const name = (verb: string): string => `${verb}_${resource.singular}_tags`;
  const change = (request: ApiRequest, what: Parameters<typeof changeTags>[3]) => {
    const action = { id: request.params['id'] ?? '', rule: `update_${resource.singular}` };
    return actOn(deps, resource, request.ctx, action, (write, item) =>
      changeTags(write, resource.source.table, item, what),
    );
  };
  const tagsOf = async ({ ctx, params }: ApiRequest): Promise<readonly unknown[]> => {
    const { tags } = await showItem(deps, resource, ctx, params['id'] ?? '', ['tags']);
    return Array.isArray(tags) ? tags : [];
  };
  return [
    route({
      method: 'GET',
      path: base,
      name: name('list'),
      handler: async (request) => ({ tags: await tagsOf(request) }),
    }),
    route({
      method: 'PUT',
      path: base,
      name: name('replace'),
      body: AnyBody,
      handler: async (request) => ({
        tags: await change(request, { set: readTags(asObject(request.body)?.['tags']) }),
      }),
    }),
    route({
      method: 'DELETE',
      path: base,
      name: name('clear'),
      handler: async (request) => {
        await change(request, { set: [] });
        return new Reply({ status: 204 });
      },
    }),
    route({
      method: 'GET',
      path: `${base}/:tag`,
      name: name('check'),
      handler: async (request) => {
        const tag = request.params['tag'] ?? '';
        if (!(await tagsOf(request)).includes(tag)) throw tagNotFound(tag);
        return new Reply({ status: 204 });
      },
    }),
    route({
      method: 'PUT',
      path: `${base}/:tag`,
      name: name('add'),
      handler: async (request) => {
        await change(request, { add: checkTag(request.params['tag']) });
        return new Reply({ status: 201 });
      },
    }),
    route({
      method: 'DELETE',
      path: `${base}/:tag`,
      name: name('remove'),
      handler: async (request) => {
        await change(request, { remove: request.params['tag'] ?? '' });
        return new Reply({ status: 204 });
      },
    }),
  ];
}
