import { Type } from 'typebox';
import { type Route, route } from '#kernel/api/route.ts';
import { BadRequest } from '#kernel/errors.ts';
import type { ComputeDeps } from '../../deps.ts';
import { envelope, Metadata } from '../../fields.ts';
import { changeMetadata, itemOf, showMetadata } from './logic.ts';

const MetadataBody = envelope('metadata', Metadata);
const ItemBody = envelope(
  'meta',
  Type.Unsafe<Record<string, string>>({ ...Metadata, minProperties: 1, maxProperties: 1 }),
);

const all = '/servers/:serverId/metadata';
const one = '/servers/:serverId/metadata/:key';

/** @see https://docs.openstack.org/api-ref/compute/#server-metadata-servers-metadata */
export const serverMetadataRoutes = (deps: ComputeDeps): Route[] => [
  route({
    method: 'GET',
    path: all,
    name: 'listServerMetadata',
    documents: () => ({ policies: ['os_compute_api:server-metadata:index'] }),
    handler: async ({ ctx, params }) => ({
      metadata: await showMetadata(deps, ctx, params['serverId'] ?? '', 'index'),
    }),
  }),
  route({
    method: 'POST',
    path: all,
    name: 'addServerMetadata',
    documents: () => ({ policies: ['os_compute_api:server-metadata:create'] }),
    body: MetadataBody,
    handler: async ({ ctx, params, body }) => ({
      metadata: await changeMetadata(deps, ctx, params['serverId'] ?? '', {
        rule: 'create',
        word: 'create metadata',
        change: (before) => ({ ...before, ...body.metadata }),
      }),
    }),
  }),
  route({
    method: 'PUT',
    path: all,
    name: 'replaceServerMetadata',
    documents: () => ({ policies: ['os_compute_api:server-metadata:update_all'] }),
    body: MetadataBody,
    handler: async ({ ctx, params, body }) => ({
      metadata: await changeMetadata(deps, ctx, params['serverId'] ?? '', {
        rule: 'update_all',
        word: 'update metadata',
        change: () => body.metadata,
      }),
    }),
  }),
  route({
    method: 'GET',
    path: one,
    name: 'showServerMetadataItem',
    documents: () => ({ policies: ['os_compute_api:server-metadata:show'] }),
    handler: async ({ ctx, params }) => {
      const key = params['key'] ?? '';
      return { meta: { [key]: itemOf(await showMetadata(deps, ctx, params['serverId'] ?? '', 'show'), key) } };
    },
  }),
  route({
    method: 'PUT',
    path: one,
    name: 'setServerMetadataItem',
    documents: () => ({ policies: ['os_compute_api:server-metadata:update'] }),
    body: ItemBody,
    handler: async ({ ctx, params, body }) => {
      if (!Object.hasOwn(body.meta, params['key'] ?? ''))
        throw new BadRequest('compute.invalid_input', 'Request body and URI mismatch');
      await changeMetadata(deps, ctx, params['serverId'] ?? '', {
        rule: 'update',
        word: 'update metadata',
        change: (before) => ({ ...before, ...body.meta }),
      });
      return { meta: body.meta };
    },
  }),
  route({
    method: 'DELETE',
    path: one,
    name: 'deleteServerMetadataItem',
    documents: () => ({ policies: ['os_compute_api:server-metadata:delete'] }),
    status: 204,
    handler: async ({ ctx, params }) => {
      const key = params['key'] ?? '';
      await changeMetadata(deps, ctx, params['serverId'] ?? '', {
        rule: 'delete',
        word: 'delete metadata',
        change: (before) => {
          itemOf(before, key);
          const { [key]: _gone, ...rest } = before;
          return rest;
        },
      });
    },
  }),
];
