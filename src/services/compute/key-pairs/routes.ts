import { type ApiRequest, Reply, type Route, route } from '#kernel/api/route.ts';
import type { ComputeDeps } from '../deps.ts';
import { compute } from '../microversions.ts';
import { limitOf, nextLinks } from '../paging.ts';
import { createKeyPair, findKeyPairs, removeKeyPair, showKeyPair } from './logic.ts';
import { KeyPairCreate, KeyPairImport, KeyPairListQuery, KeyPairQuery, type KeyPairWanted } from './schema.ts';
import { briefKeyPair, createdKeyPair, wholeKeyPair } from './view.ts';

/** @see https://docs.openstack.org/api-ref/compute/#keypairs-keypairs */
export const keyPairRoutes = (deps: ComputeDeps): Route[] => {
  const create = async (request: ApiRequest, wanted: KeyPairWanted): Promise<Reply> => {
    const { pair, privateKey } = await createKeyPair(deps, request.ctx, wanted);
    return new Reply({
      status: request.has(compute.keyPairTypes) ? 201 : 200,
      body: { keypair: createdKeyPair(request, pair, privateKey) },
    });
  };
  return [
    route({
      method: 'GET',
      path: '/os-keypairs',
      name: 'listKeyPairs',
      documents: () => ({ policies: ['os_compute_api:os-keypairs:index'] }),
      query: KeyPairListQuery,
      handler: async (request) => {
        const pairs = await findKeyPairs(deps, request.ctx, request.query);
        const links = request.has(compute.keyPairPaging)
          ? nextLinks(request, 'os-keypairs', { ids: pairs.map(({ name }) => name), limit: limitOf(request.query) })
          : [];
        return {
          keypairs: pairs.map((pair) => ({ keypair: briefKeyPair(request, pair) })),
          ...(links.length === 0 ? {} : { keypairs_links: links }),
        };
      },
    }),
    route({
      method: 'POST',
      path: '/os-keypairs',
      name: 'createKeyPair',
      documents: () => ({ policies: ['os_compute_api:os-keypairs:create'] }),
      before: compute.keyPairsOnlyImported,
      body: KeyPairCreate,
      handler: (request) => create(request, request.body.keypair),
    }),
    route({
      method: 'POST',
      path: '/os-keypairs',
      name: 'importKeyPair',
      documents: () => ({ policies: ['os_compute_api:os-keypairs:create'] }),
      since: compute.keyPairsOnlyImported,
      body: KeyPairImport,
      handler: (request) => create(request, request.body.keypair),
    }),
    route({
      method: 'GET',
      path: '/os-keypairs/:name',
      name: 'showKeyPair',
      documents: () => ({ policies: ['os_compute_api:os-keypairs:show'] }),
      query: KeyPairQuery,
      handler: async (request) => ({
        keypair: wholeKeyPair(
          request,
          await showKeyPair(deps, request.ctx, request.params['name'] ?? '', request.query.user_id),
        ),
      }),
    }),
    route({
      method: 'DELETE',
      path: '/os-keypairs/:name',
      name: 'deleteKeyPair',
      documents: () => ({ policies: ['os_compute_api:os-keypairs:delete'] }),
      query: KeyPairQuery,
      handler: async ({ ctx, params, query, has }) => {
        await removeKeyPair(deps, ctx, params['name'] ?? '', query.user_id);
        return new Reply({ status: has(compute.keyPairTypes) ? 204 : 202 });
      },
    }),
  ];
};
