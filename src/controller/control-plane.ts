/**
 * The control plane: every API service and the task engine over one database, not listening yet.
 *
 * This is where the services are put together, each with what it needs as arguments. It keeps nothing but what is in the
 * database (and, with the file store, images): it can be killed at any instant and made again, and there can be several.
 */
import type { FastifyInstance } from 'fastify';
import type { Clock } from '#kernel/clock.ts';
import { type Db, reachDisk } from '#kernel/db/database.ts';
import type { Incarnation } from '#kernel/db/instance.ts';
import type { Migrations } from '#kernel/db/migrate.ts';
import { errorChain } from '#kernel/errors.ts';
import { createRevisions, type RevisionTables, revisionMigrations } from '#kernel/events/revisions.ts';
import { createDirectExec } from '#kernel/exec-direct.ts';
import { createMetrics, type Metrics } from '#kernel/http/metrics.ts';
import type { Log } from '#kernel/log.ts';
import type { Random } from '#kernel/random.ts';
import { restorationMigrations } from '#kernel/restoration/tables.ts';
import type { Service, ServiceDeps, ServiceSettings } from '#kernel/service.ts';
import { createTaskEngine, type TaskEngine } from '#kernel/tasks/engine.ts';
import { taskMigrations } from '#kernel/tasks/tables.ts';
import type { AgentDirectory } from '#protocol/agent.ts';
import type { ControllerApi } from '#protocol/controller.ts';
import { type ComputeService, computeMigrations, createComputeService } from '#services/compute/index.ts';
import {
  createIdentityService,
  type IdentityConfig,
  type IdentityService,
  identityMigrations,
} from '#services/identity/index.ts';
import {
  createImageService,
  createQemuImgConverter,
  type ImageConfig,
  imageMigrations,
} from '#services/image/index.ts';
import { createNetworkService, type NetworkService, networkMigrations } from '#services/network/index.ts';
import { createPlacementService, placementMigrations } from '#services/placement/index.ts';
import { createControllerApi } from './controller-api.ts';
import { createOperations } from './operations.ts';
import { CATALOG } from './settings.ts';
import { sharedStateMigrations } from './shared-state/tables.ts';

/** The schema of the whole program. */
export const controllerMigrations: Migrations = {
  ...revisionMigrations,
  ...taskMigrations,
  ...sharedStateMigrations,
  ...restorationMigrations,
  ...identityMigrations,
  ...imageMigrations,
  ...placementMigrations,
  ...computeMigrations,
  ...networkMigrations,
};

export interface ControlPlaneOptions {
  /** Open, with the schema of {@link controllerMigrations}; whoever opened it closes it. */
  readonly db: Db;
  /** Which start of which controller this is: tasks are leased under it. */
  readonly owner: Incarnation;
  readonly settings: ServiceSettings;
  readonly adminPassword: string;
  readonly identity: Partial<IdentityConfig>;
  readonly image?: Partial<ImageConfig>;
  readonly agents: AgentDirectory;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface ControlPlane {
  readonly services: readonly Service[];
  readonly compute: ComputeService;
  readonly metrics: Metrics;
  /** What those who run the cloud ask beyond OpenStack's APIs. */
  readonly operations: FastifyInstance;
  /** What agents ask. */
  readonly api: ControllerApi;
  /** All that goes on by itself; ends when `signal` aborts and the work under way has ended. */
  run(signal: AbortSignal): Promise<void>;
}

/** Puts the services together, and makes what an empty cloud begins with. */
export async function createControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { db, owner, clock, random, log, settings } = options;
  const metrics = createMetrics();
  const revisions = createRevisions(db as Db<RevisionTables>, clock);
  const tasks = createTaskEngine({ db, clock, log, owner });
  const common = { db, clock, random, log, metrics, tasks, revisions, settings };
  const identity = await createIdentityService({ ...common, config: options.identity });
  const services = createServices({ ...common, authenticator: identity.authenticator }, identity, options);
  for (const { app } of services.all) answerOnceOnDisk(app, db);
  await identity.bootstrap({
    adminPassword: options.adminPassword,
    region: settings.region,
    // only what answers is in the catalog
    endpoints: CATALOG.filter(({ type }) => services.all.some((service) => service.type === type)).map(
      ({ type, name, path }) => ({ type, name, urls: { public: (settings.publicUrls[type] ?? '') + path } }),
    ),
  });
  await services.compute.bootstrap();
  return {
    services: services.all,
    compute: services.compute,
    metrics,
    operations: createOperations({
      ...common,
      authenticator: identity.authenticator,
      compute: services.compute,
      services: services.all,
    }),
    api: createControllerApi({ ...services, clock, db, revisions }),
    run: (signal) => run(services.all, tasks, signal, log),
  };
}

/** What a request has changed survives a power cut before anybody is told that it was accepted. */
function answerOnceOnDisk(app: Service['app'], db: Db): void {
  app.addHook('onSend', async ({ method }, _reply, payload) => {
    if (method !== 'GET' && method !== 'HEAD') await reachDisk(db);
    return payload;
  });
}

interface Services {
  readonly identity: IdentityService;
  readonly image: ReturnType<typeof createImageService>;
  readonly placement: ReturnType<typeof createPlacementService>;
  readonly network: NetworkService;
  readonly compute: ComputeService;
  readonly all: readonly Service[];
}

function createServices(deps: ServiceDeps, identity: IdentityService, options: ControlPlaneOptions): Services {
  const { agents } = options;
  const image = createImageService({
    ...deps,
    config: options.image ?? {},
    limitOf: (projectId, resource) => identity.limitOf(projectId, 'image', resource),
    convertDisk: createQemuImgConverter(createDirectExec(), deps.log),
    regions: {
      findEndpoint: (viewer, wanted) => identity.findEndpoint(viewer, { type: 'image', ...wanted }),
      vault: identity.vault,
    },
  });
  const listLivingServers = (ids: readonly string[]): Promise<ReadonlySet<string>> => compute.listLivingServers(ids);
  const placement = createPlacementService({ ...deps, listLivingServers });
  const network = createNetworkService({
    ...deps,
    onServerPortsChanged: (tx, serverId) => compute.refreshServer(tx, serverId),
    listLivingServers,
  });
  const compute: ComputeService = createComputeService({ ...deps, identity, image, placement, network, agents });
  return { identity, image, placement, network, compute, all: [identity, image, placement, network, compute] };
}

async function run(services: readonly Service[], tasks: TaskEngine, signal: AbortSignal, log: Log): Promise<void> {
  const kinds = services.flatMap((service) => service.taskKinds ?? []);
  const work = [tasks.run(kinds, signal)];
  for (const service of services) {
    if (service.run === undefined) continue;
    const ended = service.run(signal).catch((error: unknown) => {
      log.error({ service: service.type, error: errorChain(error) }, 'background work of a service ended');
    });
    work.push(ended);
  }
  await Promise.all(work);
}
