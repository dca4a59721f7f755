import { type ApiRequest, Reply, type Route, route } from '#kernel/api/route.ts';
import type { ComputeDeps } from '../deps.ts';
import { AnyQuery, isTrue } from '../fields.ts';
import { nextLinks } from '../paging.ts';
import { rootOf } from '../roots.ts';
import { createServers } from './create.ts';
import { removeServer } from './delete.ts';
import { findServers } from './list.ts';
import { readServerQuery } from './query.ts';
import { CreateServerBody, UpdateServerBody } from './schema.ts';
import { showServer, sightOf } from './show.ts';
import type { WholeServer } from './store.ts';
import { changeServer } from './update.ts';
import { briefServer, updatedServer, wholeServer } from './view.ts';

/** User data of 64 KiB and metadata, in base64 and JSON. */
const MAX_CREATE_BYTES = 256 * 1024;

/** @see https://docs.openstack.org/api-ref/compute/#servers-servers */
export const serverRoutes = (deps: ComputeDeps): Route[] => [
  route({
    method: 'GET',
    path: '/servers',
    name: 'listServers',
    policy: 'os_compute_api:servers:index',
    handler: (request) =>
      list(deps, request, 'servers', async (servers) => servers.map((server) => briefServer(request, server))),
  }),
  route({
    method: 'GET',
    path: '/servers/detail',
    name: 'listServersDetailed',
    policy: 'os_compute_api:servers:detail',
    handler: (request) =>
      list(deps, request, 'servers/detail', async (servers) => {
        const sight = await sightOf(deps, request.ctx, { projectId: request.ctx.projectId, servers });
        return servers.map((server) => wholeServer(request, server, sight));
      }),
  }),
  route({
    method: 'POST',
    path: '/servers',
    name: 'createServer',
    documents: () => ({ policies: ['os_compute_api:servers:create'] }),
    body: CreateServerBody,
    maxBodyBytes: MAX_CREATE_BYTES,
    status: 202,
    handler: async (request) => {
      const { body, ctx, has } = request;
      const hints = body['os:scheduler_hints'] ?? body['OS-SCH-HNT:scheduler_hints'] ?? {};
      const created = await createServers(deps, ctx, { server: body.server, hints, has });
      if (isTrue(body.server.return_reservation_id)) return { reservation_id: created.reservationId };
      const links = briefServer(request, { id: created.serverId } as WholeServer)['links'];
      return new Reply({
        status: 202,
        headers: { location: `${rootOf(request)}/servers/${created.serverId}` },
        body: {
          server: {
            id: created.serverId,
            links,
            'OS-DCF:diskConfig': created.diskConfig,
            security_groups: body.server.security_groups ?? [{ name: 'default' }],
            adminPass: created.adminPassword,
          },
        },
      });
    },
  }),
  route({
    method: 'GET',
    path: '/servers/:serverId',
    name: 'showServer',
    documents: () => ({ policies: ['os_compute_api:servers:show'] }),
    query: AnyQuery,
    handler: async (request) => {
      const server = await showServer(deps, request.ctx, request.params['serverId'] ?? '');
      const sight = await sightOf(deps, request.ctx, {
        projectId: server.project_id,
        servers: [server],
        serverId: server.id,
      });
      return { server: wholeServer(request, server, sight) };
    },
  }),
  route({
    method: 'PUT',
    path: '/servers/:serverId',
    name: 'updateServer',
    documents: () => ({ policies: ['os_compute_api:servers:update'] }),
    body: UpdateServerBody,
    handler: async (request) => {
      const id = request.params['serverId'] ?? '';
      await changeServer(deps, request.ctx, id, request.body.server);
      return { server: await updatedView(deps, request, id) };
    },
  }),
  route({
    method: 'DELETE',
    path: '/servers/:serverId',
    name: 'deleteServer',
    documents: () => ({ policies: ['os_compute_api:servers:delete'] }),
    status: 204,
    handler: (request) => removeServer(deps, request.ctx, request.params['serverId'] ?? ''),
  }),
];

/** A server as an update or rebuild answers it. */
export async function updatedView(
  deps: ComputeDeps,
  request: ApiRequest,
  id: string,
): Promise<Record<string, unknown>> {
  const server = await showServer(deps, request.ctx, id, 'os_compute_api:servers:update');
  const sight = await sightOf(deps, request.ctx, {
    projectId: server.project_id,
    servers: [server],
    serverId: server.id,
  });
  return updatedServer(request, server, sight);
}

async function list(
  deps: ComputeDeps,
  request: ApiRequest,
  collection: string,
  view: (servers: readonly WholeServer[]) => Promise<Record<string, unknown>[]>,
): Promise<unknown> {
  const query = readServerQuery(request.url, request.has);
  const isDetailed = collection !== 'servers';
  const { servers, limit } = await findServers(deps, request.ctx, { query, isDetailed, has: request.has });
  const ids = servers.map((server) => server.id);
  const links = limit === 0 ? [] : nextLinks(request, collection, { ids, limit });
  return { servers: await view(servers), ...(links.length === 0 ? {} : { servers_links: links }) };
}
