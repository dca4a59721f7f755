import { askPeer, openPeer, type SocketPeer } from '#kernel/http/socket-client.ts';
import { type ControllerApi, LONG_POLL_MS } from '#protocol/controller.ts';

/** A heartbeat or report: the controller writes some rows. */
const CALL_MS = 20_000;
/** An image for the cache: tens of GiB from a slow disk. */
const DOWNLOAD_MS = 4 * 3600 * 1000;
/** A snapshot of a disk: tens of GiB to a slow disk. */
export const UPLOAD_MS = 4 * 3600 * 1000;
/** How much longer than the controller's own patience a long poll is waited for. */
const POLL_GRACE_MS = 10_000;

/** {@link ControllerApi} over the controller's socket. Its counterpart is `controller/controller-server.ts`. */
export function createControllerClient(peer: SocketPeer): ControllerApi {
  const host = (id: string): string => `/v1/hosts/${encodeURIComponent(id)}`;
  const post = async (path: string, body: unknown): Promise<void> => {
    await askPeer(peer, { method: 'POST', path, body, timeoutMs: CALL_MS });
  };
  const poll = <T>(path: string, signal: AbortSignal): Promise<T | null> =>
    askPeer<T>(peer, { method: 'GET', path, timeoutMs: LONG_POLL_MS + POLL_GRACE_MS, signal });
  return {
    heartbeat: (hostId, beat) => post(`${host(hostId)}/heartbeat`, beat),
    waitForGuests: (hostId, since, signal) => poll(`${host(hostId)}/guests?since=${since}`, signal),
    reportGuests: (hostId, report) => post(`${host(hostId)}/guests/report`, report),
    waitForNetworks: (hostId, since, signal) => poll(`${host(hostId)}/networks?since=${since}`, signal),
    reportNetworks: (hostId, report) => post(`${host(hostId)}/networks/report`, report),
    downloadImage: (imageId, signal) =>
      openPeer(peer, {
        method: 'GET',
        path: `/v1/images/${encodeURIComponent(imageId)}/data`,
        timeoutMs: DOWNLOAD_MS,
        signal,
      }),
    async uploadImage(hostId, imageId, data, signal) {
      const path = `${host(hostId)}/images/${encodeURIComponent(imageId)}/data`;
      await askPeer(peer, { method: 'PUT', path, stream: data, timeoutMs: UPLOAD_MS, signal });
    },
  };
}
