/**
 * Which hosts are up: those whose heartbeat arrived here, by this controller's own monotonic clock, not long ago. A host's
 * own clock is never asked, and one that is wrong harms nobody.
 *
 * What another controller has heard is known by the row's `last_seen_at`, written at arrival by that controller.
 */
import type { Clock } from '#kernel/clock.ts';
import { HOST_DOWN_MS } from '#protocol/controller.ts';
import type { HostRow } from './tables.ts';

export interface Liveness {
  /** A heartbeat has arrived. */
  heard(hostId: string): void;
  /** Whether the host is up: heard lately, and not declared down by an operator. */
  isUp(host: Pick<HostRow, 'id' | 'last_seen_at' | 'is_forced_down'>): boolean;
}

export function createLiveness(clock: Clock): Liveness {
  const heardAtMs = new Map<string, number>();
  return {
    heard: (hostId) => void heardAtMs.set(hostId, clock.monotonicMs()),
    isUp(host) {
      if (host.is_forced_down === 1) return false;
      const heard = heardAtMs.get(host.id);
      const silentMs = clock.now().getTime() - host.last_seen_at;
      if (heard !== undefined && clock.monotonicMs() - heard <= HOST_DOWN_MS) return true;
      return silentMs >= -HOST_DOWN_MS && silentMs <= HOST_DOWN_MS;
    },
  };
}
