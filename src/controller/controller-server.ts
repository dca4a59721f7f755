import type { Server } from 'node:http';
import { createSocketServer, type SocketRoute } from '#kernel/http/socket-server.ts';
import type { Log } from '#kernel/log.ts';
import { type ControllerApi, MAX_REPORT_BYTES } from '#protocol/controller.ts';
import type { GuestsReport } from '#protocol/guests.ts';
import type { Heartbeat } from '#protocol/hosts.ts';
import type { NetworksReport } from '#protocol/networks.ts';

/** Serves {@link ControllerApi} to agents on this machine. Its counterpart is `agents/controller-client.ts`. */
export function createControllerServer(api: ControllerApi, log: Log): Server {
  const routes: SocketRoute[] = [
    {
      method: 'POST',
      path: '/v1/hosts/:hostId/heartbeat',
      handle: ({ params, body }) => api.heartbeat(hostOf(params), body as Heartbeat),
    },
    {
      method: 'GET',
      path: '/v1/hosts/:hostId/guests',
      handle: ({ params, query, signal }) => api.waitForGuests(hostOf(params), sinceOf(query), signal),
    },
    {
      method: 'POST',
      path: '/v1/hosts/:hostId/guests/report',
      handle: ({ params, body }) => api.reportGuests(hostOf(params), body as GuestsReport),
    },
    {
      method: 'GET',
      path: '/v1/hosts/:hostId/networks',
      handle: ({ params, query, signal }) => api.waitForNetworks(hostOf(params), sinceOf(query), signal),
    },
    {
      method: 'POST',
      path: '/v1/hosts/:hostId/networks/report',
      handle: ({ params, body }) => api.reportNetworks(hostOf(params), body as NetworksReport),
    },
    {
      method: 'GET',
      path: '/v1/images/:imageId/data',
      handle: ({ params, signal }) => api.downloadImage(params['imageId'] ?? '', signal),
    },
    {
      method: 'PUT',
      path: '/v1/hosts/:hostId/images/:imageId/data',
      handle: ({ params, stream, signal }) => api.uploadImage(hostOf(params), params['imageId'] ?? '', stream, signal),
    },
  ];
  return createSocketServer({ routes, maxBodyBytes: MAX_REPORT_BYTES, log });
}

function hostOf(params: Readonly<Record<string, string>>): string {
  return params['hostId'] ?? '';
}

function sinceOf(query: URLSearchParams): number {
  return Number(query.get('since') ?? -1);
}
