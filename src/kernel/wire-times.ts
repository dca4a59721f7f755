/** Times on the wire, in the forms that OpenStack's services have. */

/** `2026-01-02T03:04:05Z`, as most things have it. */
export function isoSeconds(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 19)}Z`;
}

/** `2026-01-02T03:04:05.678000`, without a zone: UTC. */
export function isoMicros(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 23)}000`;
}

/** The same, or null. */
export function isoMicrosOrNull(epochMs: number | null): string | null {
  return epochMs === null ? null : isoMicros(epochMs);
}
