import { fromJson } from '#kernel/db/json.ts';
import type { HostNotice } from '#protocol/hosts.ts';
import type { ComputeDeps } from '../deps.ts';
import { listHosts } from './store.ts';

/** How a host is, for those who run the cloud. */
export interface HostHealth {
  readonly id: string;
  readonly hostname: string;
  readonly isUp: boolean;
  readonly lastSeenAt: Date;
  /** As it said with its last heartbeat. */
  readonly notices: readonly HostNotice[];
}

/** Every host, by name. */
export async function listHostHealth({ db, liveness }: ComputeDeps): Promise<HostHealth[]> {
  const hosts = await listHosts(db);
  return hosts.map((host) => ({
    id: host.id,
    hostname: host.hostname,
    isUp: liveness.isUp(host),
    lastSeenAt: new Date(host.last_seen_at),
    notices: fromJson(host.notices),
  }));
}
