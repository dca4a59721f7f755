import { Type } from 'typebox';
import { type ApiRequest, Reply, type Route, route } from '#kernel/api/route.ts';
import { readBooleanWord } from '#kernel/words.ts';
import type { MetadefDeps } from './access.ts';
import { createAssociation, listAssociations, listResourceTypes, removeAssociation } from './associations.ts';
import { metadefDocuments } from './documents.ts';
import {
  createItem,
  createTags,
  listItems,
  type NamespaceItem,
  removeAllItems,
  removeItem,
  showItem,
  updateItem,
} from './items.ts';
import { createNamespace, deleteNamespace, listNamespaces, showNamespace, updateNamespace } from './namespaces.ts';
import type { ItemKind } from './tables.ts';
import { viewAssociation, viewObject, viewProperties, viewProperty, viewResourceType, viewTag } from './view.ts';

const ROOT = '/v2/metadefs';
const NAMESPACE = `${ROOT}/namespaces/:namespace`;
/** A namespace with everything in it; the largest of the real service's own has 60 kB. */
const MAX_NAMESPACE_BYTES = 1024 * 1024;

const GONE = new Reply({ status: 204 });

export const metadefRoutes = (deps: MetadefDeps): Route[] => [
  ...namespaceRoutes(deps),
  ...associationRoutes(deps),
  ...itemRoutes(deps, 'object', 'objects', ({ namespace, item }) => viewObject(namespace, item)),
  ...itemRoutes(deps, 'property', 'properties', ({ item }) => viewProperty(item)),
  ...itemRoutes(deps, 'tag', 'tags', ({ item }) => viewTag(item)),
  ...listRoutes(deps),
  ...Object.entries(metadefDocuments).map(([name, document]) =>
    route({
      method: 'GET',
      path: `/v2/schemas/metadefs/${name}`,
      name: `showMetadefSchema:${name}`,
      handler: () => document,
    }),
  ),
];

const namespaceRoutes = (deps: MetadefDeps): Route[] => [
  route({
    method: 'GET',
    path: `${ROOT}/namespaces`,
    name: 'listMetadefNamespaces',
    documents: () => ({ policies: ['get_metadef_namespaces'] }),
    handler: async ({ ctx, url }) => {
      const params = paramsOf(url);
      const { namespaces, nextMarker } = await listNamespaces(deps, ctx, params);
      params.delete('marker');
      const first = `${ROOT}/namespaces${params.size === 0 ? '' : `?${params.toString()}`}`;
      if (nextMarker !== undefined) params.set('marker', nextMarker);
      const next = nextMarker === undefined ? {} : { next: `${ROOT}/namespaces?${params.toString()}` };
      return { namespaces, first, schema: '/v2/schemas/metadefs/namespaces', ...next };
    },
  }),
  route({
    method: 'POST',
    path: `${ROOT}/namespaces`,
    name: 'createMetadefNamespace',
    documents: () => ({ policies: ['add_metadef_namespace'] }),
    body: Type.Any(),
    maxBodyBytes: MAX_NAMESPACE_BYTES,
    handler: async ({ ctx, body }) => {
      const made = await createNamespace(deps, ctx, body);
      return new Reply({ status: 201, headers: { Location: encodeURI(String(made['self'])) }, body: made });
    },
  }),
  route({
    method: 'GET',
    path: NAMESPACE,
    name: 'showMetadefNamespace',
    handler: ({ ctx, params, url }) => showNamespace(deps, ctx, nameOf(params), paramsOf(url).get('resource_type')),
  }),
  route({
    method: 'PUT',
    path: NAMESPACE,
    name: 'updateMetadefNamespace',
    documents: () => ({ policies: ['modify_metadef_namespace'] }),
    body: Type.Any(),
    maxBodyBytes: MAX_NAMESPACE_BYTES,
    handler: ({ ctx, params, body }) => updateNamespace(deps, ctx, nameOf(params), body),
  }),
  route({
    method: 'DELETE',
    path: NAMESPACE,
    name: 'deleteMetadefNamespace',
    documents: () => ({ policies: ['delete_metadef_namespace'] }),
    handler: async ({ ctx, params }) => {
      await deleteNamespace(deps, ctx, nameOf(params));
      return GONE;
    },
  }),
];

const associationRoutes = (deps: MetadefDeps): Route[] => [
  route({
    method: 'GET',
    path: `${ROOT}/resource_types`,
    name: 'listMetadefResourceTypes',
    handler: async ({ ctx }) => ({ resource_types: (await listResourceTypes(deps, ctx)).map(viewResourceType) }),
  }),
  route({
    method: 'GET',
    path: `${NAMESPACE}/resource_types`,
    name: 'listMetadefAssociations',
    handler: async ({ ctx, params }) => ({
      resource_type_associations: (await listAssociations(deps, ctx, nameOf(params))).map(viewAssociation),
    }),
  }),
  route({
    method: 'POST',
    path: `${NAMESPACE}/resource_types`,
    name: 'createMetadefAssociation',
    status: 201,
    body: Type.Any(),
    handler: async ({ ctx, params, body }) => viewAssociation(await createAssociation(deps, ctx, nameOf(params), body)),
  }),
  route({
    method: 'DELETE',
    path: `${NAMESPACE}/resource_types/:resourceType`,
    name: 'deleteMetadefAssociation',
    handler: async ({ ctx, params }) => {
      await removeAssociation(deps, ctx, nameOf(params), params['resourceType'] ?? '');
      return GONE;
    },
  }),
];

/** What objects, properties and tags have in common. */
function itemRoutes(
  deps: MetadefDeps,
  kind: ItemKind,
  folder: string,
  view: (found: NamespaceItem) => unknown,
): Route[] {
  const all = `${NAMESPACE}/${folder}`;
  const one = `${all}/:item`;
  const noun = `${kind[0]?.toUpperCase() ?? ''}${kind.slice(1)}`;
  const create = async ({ ctx, params }: ApiRequest, body: unknown): Promise<unknown> =>
    view(await createItem(deps, ctx, nameOf(params), kind, body));
  return [
    // Tags are made one by one under their own path, and several at once under the folder's.
    kind === 'tag'
      ? route({
          method: 'POST',
          path: one,
          name: `createMetadef${noun}`,
          status: 201,
          handler: (request) => create(request, { name: itemOf(request.params) }),
        })
      : route({
          method: 'POST',
          path: all,
          name: `createMetadef${noun}`,
          status: 201,
          body: Type.Any(),
          handler: (request) => create(request, request.body),
        }),
    route({
      method: 'GET',
      path: one,
      name: `showMetadef${noun}`,
      handler: async ({ ctx, params, url }) =>
        view(
          await showItem(
            deps,
            ctx,
            nameOf(params),
            kind,
            itemOf(params),
            kind === 'property' ? paramsOf(url).get('resource_type') : null,
          ),
        ),
    }),
    route({
      method: 'PUT',
      path: one,
      name: `updateMetadef${noun}`,
      body: Type.Any(),
      handler: async ({ ctx, params, body }) =>
        view(await updateItem(deps, ctx, nameOf(params), kind, itemOf(params), body)),
    }),
    route({
      method: 'DELETE',
      path: one,
      name: `deleteMetadef${noun}`,
      handler: async ({ ctx, params }) => {
        await removeItem(deps, ctx, nameOf(params), kind, itemOf(params));
        return GONE;
      },
    }),
    route({
      method: 'DELETE',
      path: all,
      name: `deleteAllMetadef${noun}`,
      handler: async ({ ctx, params }) => {
        await removeAllItems(deps, ctx, nameOf(params), kind);
        return GONE;
      },
    }),
  ];
}

/** Lists, each of its own shape, and tags in bulk. */
const listRoutes = (deps: MetadefDeps): Route[] => [
  route({
    method: 'GET',
    path: `${NAMESPACE}/objects`,
    name: 'listMetadefObjects',
    handler: async ({ ctx, params }) => {
      const { namespace, items } = await listItems(deps, ctx, nameOf(params), 'object');
      return { objects: items.map((item) => viewObject(namespace, item)), schema: 'v2/schemas/metadefs/objects' };
    },
  }),
  route({
    method: 'GET',
    path: `${NAMESPACE}/properties`,
    name: 'listMetadefProperties',
    handler: async ({ ctx, params }) => ({
      properties: viewProperties((await listItems(deps, ctx, nameOf(params), 'property')).items),
    }),
  }),
  route({
    method: 'GET',
    path: `${NAMESPACE}/tags`,
    name: 'listMetadefTags',
    handler: async ({ ctx, params }) => ({
      tags: (await listItems(deps, ctx, nameOf(params), 'tag')).items.map(({ name }) => ({ name })),
      first: `${ROOT}/namespaces/${nameOf(params)}/tags`,
      schema: '/v2/schemas/metadefs/tags',
    }),
  }),
  route({
    method: 'POST',
    path: `${NAMESPACE}/tags`,
    name: 'createMetadefTags',
    documents: () => ({ policies: ['add_metadef_tags'] }),
    status: 201,
    body: Type.Any(),
    handler: async ({ ctx, params, body, headers }) => {
      const mode = isTrue(headers['x-openstack-append']) ? 'append' : 'replace';
      return { tags: (await createTags(deps, ctx, nameOf(params), body, mode)).map((name) => ({ name })) };
    },
  }),
];

/** oslo.utils' `bool_from_string`. */
function isTrue(header: string | string[] | undefined): boolean {
  return typeof header === 'string' && readBooleanWord(header) === true;
}

function nameOf(params: Record<string, string>): string {
  return params['namespace'] ?? '';
}

function itemOf(params: Record<string, string>): string {
  return params['item'] ?? '';
}

function paramsOf(url: string): URLSearchParams {
  return new URLSearchParams(url.split('?')[1] ?? '');
}
