import type { FastifyInstance } from 'fastify';
import type { Authenticator } from './auth/context.ts';
import type { Clock } from './clock.ts';
import type { Db } from './db/database.ts';
import type { Revisions } from './events/revisions.ts';
import type { Metrics } from './http/metrics.ts';
import type { Log } from './log.ts';
import type { ServiceOperations } from './operations/explanation.ts';
import type { Random } from './random.ts';
import type { AnyTaskKind, Tasks } from './tasks/task.ts';

/** What every service is given. What it needs of other services comes beside it, by name. */
export interface ServiceDeps {
  readonly db: Db;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly authenticator: Authenticator;
  readonly tasks: Tasks;
  readonly revisions: Revisions;
  readonly settings: ServiceSettings;
}

export interface ServiceSettings {
  readonly region: string;
  /** Where clients find each service, by catalog type and without a slash at the end: `http://192.0.2.1:8774`. */
  readonly publicUrls: Readonly<Record<string, string>>;
  /** The controller's own folder; each service keeps to a subfolder of its type's name. */
  readonly dataDir: string;
  /** Holds `<service type>/policy.yaml`, each optional. */
  readonly configDir: string;
}

/** A service as the controller mounts it. */
export interface Service {
  /** The catalog's service type: `compute`. */
  readonly type: string;
  readonly app: FastifyInstance;
  readonly taskKinds?: readonly AnyTaskKind[];
  /** What it tells and ends for those who run the cloud. */
  readonly operations?: ServiceOperations;
  /** Work of its own that goes on while the controller runs, such as pruning; ends when `signal` aborts. */
  run?(signal: AbortSignal): Promise<void>;
}
