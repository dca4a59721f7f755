import type { Readable } from 'node:stream';
import type { DesiredGuests, GuestsReport } from './guests.ts';
import type { Heartbeat } from './hosts.ts';
import type { DesiredNetworks, NetworksReport } from './networks.ts';

/** How long the controller holds a long poll open before it answers "nothing new". Longer means fewer, slower to notice a cut link. */
export const LONG_POLL_MS = 25_000;
/** How often an agent reports in. A host that is silent for three of these counts as down. */
export const HEARTBEAT_MS = 10_000;

/** Missed heartbeats until a host counts as down. Fewer flap with the network, more send servers to the dead. */
const MISSED_BEATS = 3;
/** How long a host may be silent before it counts as down, for all services. */
export const HOST_DOWN_MS = MISSED_BEATS * HEARTBEAT_MS;
/** Body limit of a report: 5,000 guests and ports fit. */
export const MAX_REPORT_BYTES = 8 * 1024 * 1024;

/**
 * All that an agent may ask of a controller. One implementation speaks HTTP (`agents/controller-client.ts`), one calls in process
 * (`pileus up --fake`), and both are served by the same functions.
 *
 * @throws whatever the transport throws when no controller can be reached; agents then go on with what they know.
 */
export interface ControllerApi {
  /** Says that the host is here and what it has. Registers it at the first time. */
  heartbeat(hostId: string, beat: Heartbeat): Promise<void>;
  /** The host's guests once their revision differs from `since`, or null after {@link LONG_POLL_MS}. */
  waitForGuests(hostId: string, since: number, signal: AbortSignal): Promise<DesiredGuests | null>;
  reportGuests(hostId: string, report: GuestsReport): Promise<void>;
  /** The host's networks once their revision differs from `since`, or null after {@link LONG_POLL_MS}. */
  waitForNetworks(hostId: string, since: number, signal: AbortSignal): Promise<DesiredNetworks | null>;
  reportNetworks(hostId: string, report: NetworksReport): Promise<void>;
  /** An image's bytes, for the host's cache. */
  downloadImage(imageId: string, signal: AbortSignal): Promise<NodeJS.ReadableStream>;
  /**
   * Gives the controller the bytes of a snapshot that it wants of a guest of the host (`DesiredGuest.snapshots`). Resolves when they are
   * an image; the snapshot is then no longer wanted. Repeating it, after any crash, is harmless.
   */
  uploadImage(hostId: string, imageId: string, data: Readable, signal: AbortSignal): Promise<void>;
}
