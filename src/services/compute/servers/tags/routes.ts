import { Type } from 'typebox';
import { type ApiRequest, Reply, type Route, route } from '#kernel/api/route.ts';
import { BadRequest, NotFound } from '#kernel/errors.ts';
import type { ComputeDeps } from '../../deps.ts';
import { compute } from '../../microversions.ts';
import { rootOf } from '../../roots.ts';
import { MAX_TAGS, Tag } from '../schema.ts';
import { addTag, listServerTags, removeTags, replaceTags } from './logic.ts';

const TagsBody = Type.Object({ tags: Type.Array(Tag, { maxItems: MAX_TAGS }) }, { additionalProperties: false });

const all = '/servers/:serverId/tags';
const one = '/servers/:serverId/tags/:tag';
const since = compute.serverTags;
const idOf = ({ params }: Pick<ApiRequest, 'params'>): string => params['serverId'] ?? '';
const tagOf = ({ params }: Pick<ApiRequest, 'params'>): string => params['tag'] ?? '';

/** @see https://docs.openstack.org/api-ref/compute/#server-tags-servers-tags */
export const serverTagRoutes = (deps: ComputeDeps): Route[] => [
  route({
    method: 'GET',
    path: all,
    name: 'listServerTags',
    documents: () => ({ policies: ['os_compute_api:os-server-tags:index'] }),
    since,
    handler: async (request) => ({ tags: await listServerTags(deps, request.ctx, idOf(request), 'index') }),
  }),
  route({
    method: 'PUT',
    path: all,
    name: 'replaceServerTags',
    documents: () => ({ policies: ['os_compute_api:os-server-tags:update_all'] }),
    since,
    body: TagsBody,
    handler: async (request) => ({ tags: await replaceTags(deps, request.ctx, idOf(request), request.body.tags) }),
  }),
  route({
    method: 'DELETE',
    path: all,
    name: 'deleteServerTags',
    documents: () => ({ policies: ['os_compute_api:os-server-tags:delete_all'] }),
    since,
    status: 204,
    handler: (request) => removeTags(deps, request.ctx, idOf(request), undefined),
  }),
  route({
    method: 'GET',
    path: one,
    name: 'showServerTag',
    documents: () => ({ policies: ['os_compute_api:os-server-tags:show'] }),
    since,
    status: 204,
    handler: async (request) => {
      const tags = await listServerTags(deps, request.ctx, idOf(request), 'show');
      if (!tags.includes(tagOf(request)))
        throw new NotFound(
          'compute.server.tag_absent',
          `Server ${idOf(request)} has no tag '${tagOf(request).slice(0, 60)}'`,
        );
    },
  }),
  route({
    method: 'PUT',
    path: one,
    name: 'addServerTag',
    documents: () => ({ policies: ['os_compute_api:os-server-tags:update'] }),
    since,
    handler: async (request) => {
      const tag = tagOf(request);
      if (tag === '' || tag.length > 60 || /[,/]/.test(tag))
        throw new BadRequest(
          'compute.invalid_input',
          `Tag '${tag.slice(0, 70)}' is invalid. It must be a non empty string without characters '/' and ',', of at most 60 characters.`,
        );
      const isNew = await addTag(deps, request.ctx, idOf(request), tag);
      return new Reply({
        status: isNew ? 201 : 204,
        headers: { location: `${rootOf(request)}/servers/${idOf(request)}/tags/${encodeURIComponent(tag)}` },
      });
    },
  }),
  route({
    method: 'DELETE',
    path: one,
    name: 'deleteServerTag',
    documents: () => ({ policies: ['os_compute_api:os-server-tags:delete'] }),
    since,
    status: 204,
    handler: (request) => removeTags(deps, request.ctx, idOf(request), tagOf(request)),
  }),
];
