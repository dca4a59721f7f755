import { type Route, route } from '#kernel/api/route.ts';
import type { FileStore } from '../data/file-store.ts';
import type { Stores } from '../data/stores.ts';
import type { AccessDeps } from '../images/access.ts';
import { type LimitOf, showUsage } from '../quotas/logic.ts';

export interface DiscoveryDeps extends AccessDeps {
  readonly stores: Stores;
  readonly limitOf: LimitOf;
  readonly importMethods: readonly string[];
}

/** What this installation can do. @see https://docs.openstack.org/api-ref/image/v2/#image-service-info-discovery */
export const discoveryRoutes = (deps: DiscoveryDeps): Route[] => [
  route({
    method: 'GET',
    path: '/v2/info/import',
    name: 'showImportMethods',
    handler: () => ({
      'import-methods': { description: 'Import methods available.', type: 'array', value: deps.importMethods },
    }),
  }),
  route({
    method: 'GET',
    path: '/v2/info/stores',
    name: 'listStores',
    handler: () => ({ stores: deps.stores.all.map((store) => viewStore(deps.stores, store)) }),
  }),
  route({
    method: 'GET',
    path: '/v2/info/stores/detail',
    name: 'listStoresDetail',
    policy: 'stores_info_detail',
    handler: () => ({
      stores: deps.stores.all.map((store) => ({
        ...viewStore(deps.stores, store),
        type: 'file',
        properties: { data_dir: store.directory, chunk_size: 65_536, thin_provisioning: true },
      })),
    }),
  }),
  route({
    method: 'GET',
    path: '/v2/info/usage',
    name: 'showUsage',
    handler: async ({ ctx }) => ({ usage: await showUsage(deps, ctx.projectId) }),
  }),
];

function viewStore(stores: Stores, store: FileStore): Record<string, unknown> {
  return {
    id: store.id,
    ...(store.description === '' ? {} : { description: store.description }),
    ...(store === stores.default ? { default: 'true' } : {}),
    ...(store.isReadOnly ? { 'read-only': 'true' } : {}),
  };
}
