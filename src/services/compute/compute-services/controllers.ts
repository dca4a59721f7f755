import { createHash } from 'node:crypto';
import { hostname } from 'node:os';

/** A controller's own part in compute, as the API names it. */
export interface ControllerService {
  readonly binary: 'nova-scheduler' | 'nova-conductor';
  /** What the API of old calls the same: `scheduler`. */
  readonly topic: string;
  readonly host: string;
  /** What API versions before 2.53 call it: above every host's number. */
  readonly number: number;
  readonly uuid: string;
}

/** The zone of what has no guests. */
export const INTERNAL_ZONE = 'internal';
const FIRST_NUMBER = 1_000_000_000;

/** The parts of the controller that answers: whoever asks has reached it, so they are up. */
export function controllerServices(): readonly ControllerService[] {
  const host = hostname();
  return (['nova-scheduler', 'nova-conductor'] as const).map((binary, i) => ({
    binary,
    topic: binary.slice('nova-'.length),
    host,
    number: FIRST_NUMBER + i,
    uuid: uuidOf(`${binary} ${host}`),
  }));
}

/** Always the same for the same text (a UUID of version 8, RFC 9562). */
function uuidOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  );
}
