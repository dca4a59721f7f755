import type { EpochMs } from '#kernel/db/json.ts';
import { badRequest } from './errors.ts';
import { preciseTime, preciseTimeMs } from './time.ts';

const MALFORMED =
  'The server could not comply with the request since it is either malformed or otherwise incorrect. The client is assumed to be in error.';

/**
 * Reads the end that a client wants, UTC when it names no zone; null stays null.
 * @throws {BadRequest} when it is no time, or past.
 */
export function readExpiry(text: string | null | undefined, now: EpochMs): string | null {
  if (text === undefined || text === null || text === '') return null;
  const kept = preciseTime(text);
  if (kept === undefined) throw badRequest('input.time', `Timestamp not in expected format. ${MALFORMED}`);
  if (preciseTimeMs(kept) <= now)
    throw badRequest('input.expired', `The 'expires_at' must not be before now. ${MALFORMED}`);
  return kept;
}
