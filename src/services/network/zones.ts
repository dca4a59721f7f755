import type { NetworkDeps } from './deps.ts';
import { notFound } from './errors.ts';

/** @throws {NotFound} for a zone that the cloud doesn't have. */
export function checkZoneHints(deps: NetworkDeps, hints: readonly string[]): void {
  const unknown = hints.find((hint) => hint !== deps.options.availabilityZone);
  if (unknown !== undefined)
    throw notFound('AvailabilityZoneNotFound', `AvailabilityZone ${unknown} could not be found.`);
}
