import type { ErrorStyle } from '../api/envelope.ts';
import type { MicroversionRange } from '../api/microversion.ts';
import type { Route } from '../api/route.ts';
import type { Authenticator } from '../auth/context.ts';
import type { Policy } from '../auth/policy.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Metrics } from './metrics.ts';

export interface ServiceAppOptions {
  /** The catalog's service type: `compute`. */
  readonly type: string;
  readonly routes: readonly Route[];
  readonly style: ErrorStyle;
  readonly policy: Policy;
  readonly microversions?: MicroversionRange;
  readonly authenticator: Authenticator;
  /** Where clients find this service, such as `http://192.0.2.1:8774`; never taken from a Host header. */
  readonly publicUrl: string;
  /** Where clients find identity: named in 401 answers. */
  readonly identityUrl: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Whether a slash at a path's end makes it another path, as in glance: `/v2/images/` is then an image without an id. */
  readonly isSlashStrict?: boolean;
  /** Whether the service can do its work; a sentence when it can't. */
  readonly health?: () => string | undefined;
}
