import { BadRequest } from '#kernel/errors.ts';
import type { ComputeDeps } from '../deps.ts';
import { findUsedServer, listUsedServers, type UsageWindow, type UsedServer } from './store.ts';

type Deps = Pick<ComputeDeps, 'db' | 'clock'>;

export interface UsageSearch {
  readonly start?: string | undefined;
  readonly end?: string | undefined;
  readonly projectId: string | undefined;
  /** A server's id. */
  readonly marker?: string | undefined;
  readonly limit: number;
}

export interface ServerUsage {
  readonly server: UsedServer;
  /** Hours within the window. */
  readonly hours: number;
  /** Seconds from its start to its end, or until now. */
  readonly uptimeSeconds: number;
}

export interface UsageReport {
  readonly window: UsageWindow;
  readonly servers: readonly ServerUsage[];
}

/**
 * What servers were there in a span of time, and for how long.
 * @throws {BadRequest} `compute.usage.time` for a time that is none, or an end before the start; `compute.marker`.
 */
export async function reportUsage(deps: Deps, search: UsageSearch): Promise<UsageReport> {
  const nowMs = deps.clock.now().getTime();
  const start = readTime(search.start, nowMs);
  const end = readTime(search.end, nowMs);
  if (start >= end) {
    throw new BadRequest('compute.usage.time', 'Invalid start time. The start time cannot occur after the end time.');
  }
  const window: UsageWindow = { start, end: Math.min(end, nowMs), projectId: search.projectId };
  const marker = search.marker === undefined ? undefined : await findUsedServer(deps.db, search.marker);
  if (search.marker !== undefined && marker === undefined)
    throw new BadRequest('compute.marker', `Marker ${search.marker.slice(0, 255)} could not be found.`);
  const servers = await listUsedServers(deps.db, window, { marker, limit: search.limit });
  return { window, servers: servers.map((server) => usageOf(server, window, nowMs)) };
}

const TIME = /^(\d{4})-(\d{2})-(\d{2})(?:T(\d{2}):(\d{2}):(\d{2})(\.\d{1,6})?| (\d{2}):(\d{2}):(\d{2})(\.\d{1,6}))$/;

/** `2012-10-08T20:10:44`, with or without a fraction, or `2012-10-08 20:10:44.5`; UTC. */
function readTime(text: string | undefined, nowMs: number): number {
  if (text === undefined || text === '') return nowMs;
  const at = TIME.test(text) ? Date.parse(`${text.replace(' ', 'T')}Z`) : Number.NaN;
  if (Number.isNaN(at)) throw new BadRequest('compute.usage.time', 'Datetime is in invalid format');
  return at;
}

function usageOf(server: UsedServer, window: UsageWindow, nowMs: number): ServerUsage {
  const from = Math.max(server.launched_at, window.start);
  const to = Math.min(server.terminated_at ?? window.end, window.end);
  return {
    server,
    hours: Math.max(0, to - from) / 3_600_000,
    uptimeSeconds: Math.floor(((server.terminated_at ?? nowMs) - server.launched_at) / 1000),
  };
}
