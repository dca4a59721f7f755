import type { Clock } from '#kernel/clock.ts';
import { type Db, reachDisk } from '#kernel/db/database.ts';
import type { Revisions } from '#kernel/events/revisions.ts';
import { type ControllerApi, LONG_POLL_MS } from '#protocol/controller.ts';
import { type ComputeService, guestsTopic } from '#services/compute/index.ts';
import type { ImageService } from '#services/image/index.ts';
import { type NetworkService, networksTopic } from '#services/network/index.ts';
import { createPace } from './pace.ts';

/** The part of the controller's time that goes into telling hosts of their networks: more would leave less for those who ask. */
const NETWORKS_SHARE = 0.25;

/** What agents ask, answered by the services that know. */
export function createControllerApi(parts: {
  readonly clock: Clock;
  readonly compute: ComputeService;
  readonly db: Db;
  readonly image: ImageService;
  readonly network: NetworkService;
  readonly revisions: Revisions;
}): ControllerApi {
  const { clock, compute, db, image, network, revisions } = parts;

  /** Waits for a topic and then reads what it stands for; the state's own revision is never older than the one waited for. */
  async function follow<T>(
    topic: string,
    since: number,
    signal: AbortSignal,
    read: () => Promise<T | null>,
  ): Promise<T | null> {
    const revision = await revisions.wait(topic, since, LONG_POLL_MS, signal);
    if (revision === null) return null;
    const state = await read();
    // A host that knows more than a controller that comes back from a power cut would take it for one with a lost history.
    await reachDisk(db);
    return state;
  }

  // One port can concern every host of its network and of its security groups.
  const pace = createPace(clock, NETWORKS_SHARE);

  return {
    heartbeat: async (hostId, beat) => {
      await compute.heartbeat(hostId, beat);
      await network.registerHost(db, beat.facts);
    },
    waitForGuests: (hostId, since, signal) =>
      follow(guestsTopic(hostId), since, signal, () => compute.desiredGuests(hostId)),
    reportGuests: (hostId, report) => compute.reportGuests(hostId, report),
    waitForNetworks: (hostId, since, signal) =>
      follow(networksTopic(hostId), since, signal, () => pace.run(() => network.desiredNetworks(hostId), signal)),
    reportNetworks: (hostId, report) => network.reportNetworks(hostId, report),
    downloadImage: (imageId) => image.openImageData(imageId),
    uploadImage: (hostId, imageId, data) => compute.takeSnapshot(hostId, imageId, data),
  };
}
