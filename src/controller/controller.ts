/**
 * The control plane: every API service over one database, the task engine, and the door for agents.
 *
 * This is where the services are put together, each with what it needs as arguments. A controller keeps nothing but what
 * is in the database (and, with the file store, images): it can be killed at any instant and started again.
 */
import { mkdirSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import type { Authenticator } from '#kernel/auth/context.ts';
import type { Clock } from '#kernel/clock.ts';
import { type Db, openDatabase } from '#kernel/db/database.ts';
import { migrateUp } from '#kernel/db/migrate.ts';
import { errorChain, errorText } from '#kernel/errors.ts';
import { createRevisions, type RevisionTables, revisionMigrations } from '#kernel/events/revisions.ts';
import { createGateway } from '#kernel/http/gateway.ts';
import { createMetrics, type Metrics } from '#kernel/http/metrics.ts';
import { newUuid } from '#kernel/ids.ts';
import type { Log } from '#kernel/log.ts';
import type { Random } from '#kernel/random.ts';
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
import { createImageService, imageMigrations } from '#services/image/index.ts';
import { createPlacementService, placementMigrations } from '#services/placement/index.ts';
import { createControllerApi } from './controller-api.ts';
import { createDashboard } from './dashboard.ts';
import { noNetwork } from './no-network.ts';
import { CATALOG, CUSTOMARY_PORTS, type PortName, publicUrls } from './settings.ts';

export interface ControllerOptions {
  /** The controller's own folder: database, images, keys. */
  readonly dataDir: string;
  readonly configDir: string;
  /** The address that the APIs listen on, and the name or address that clients know it by. */
  readonly listenAddress: string;
  readonly publicHost: string;
  readonly region: string;
  readonly adminPassword: string;
  /** `full` survives a power cut with every accepted request. */
  readonly durability: 'full' | 'normal';
  /** What the operator has set, section by section. */
  readonly config: ControllerConfig;
  readonly agents: AgentDirectory;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface ControllerConfig {
  readonly identity?: Partial<IdentityConfig>;
}

export interface Controller {
  /** What agents ask. */
  readonly api: ControllerApi;
  /** Where clients find each service. */
  readonly urls: Readonly<Record<PortName, string>>;
  /** Ends what is under way and closes everything. */
  stop(): Promise<void>;
}

/** Requests still under way at the end get this long. */
const CLOSE_MS = 3_000;

/**
 * Opens the database, brings it up to date, starts every service, and listens.
 * @throws when a port is taken (naming it), or when the database cannot be opened.
 */
export async function startController(options: ControllerOptions): Promise<Controller> {
  const { log, dataDir } = options;
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const db = openDatabase({ kind: 'sqlite', file: join(dataDir, 'pileus.sqlite'), durability: options.durability });
  const stop = new AbortController();
  try {
    await migrateUp(db, {
      ...revisionMigrations,
      ...taskMigrations,
      ...identityMigrations,
      ...imageMigrations,
      ...placementMigrations,
      ...computeMigrations,
    });
    return await startServices(options, db, stop);
  } catch (error) {
    stop.abort();
    await db.destroy();
    log.error({ error: errorChain(error) }, 'controller could not start');
    throw error;
  }
}

async function startServices(options: ControllerOptions, db: Db, stop: AbortController): Promise<Controller> {
  const { clock, log, random } = options;
  const urls = publicUrls(options.publicHost);
  const settings: ServiceSettings = {
    region: options.region,
    publicUrls: urls,
    dataDir: options.dataDir,
    configDir: options.configDir,
  };
  const metrics = createMetrics();
  const revisions = createRevisions(db as Db<RevisionTables>, clock);
  const tasks = createTaskEngine({ db, clock, log, owner: newUuid() });
  const common = { db, clock, random, log, metrics, tasks, revisions, settings };
  const identity = await createIdentityService({ ...common, config: options.config.identity ?? {} });
  const services = createServices({ ...common, authenticator: identity.authenticator }, identity, options.agents);
  await identity.bootstrap({
    adminPassword: options.adminPassword,
    region: options.region,
    endpoints: CATALOG.map(({ type, name, path }) => ({ type, name, urls: { public: urls[type] + path } })),
  });
  const servers = await listen(options, services, metrics).catch(async (error: unknown) => {
    await closeAll(services.all, [], clock);
    throw error;
  });
  const work = run(services, tasks, stop.signal, log);
  return {
    api: createControllerApi({ ...services, revisions }),
    urls,
    async stop() {
      stop.abort();
      await closeAll(services.all, servers, clock);
      await work;
      await db.destroy();
    },
  };
}

interface Services {
  readonly identity: IdentityService;
  readonly image: ReturnType<typeof createImageService>;
  readonly placement: ReturnType<typeof createPlacementService>;
  readonly compute: ComputeService;
  readonly all: readonly Service[];
}

function createServices(deps: ServiceDeps, identity: IdentityService, agents: AgentDirectory): Services {
  const image = createImageService(deps);
  const placement = createPlacementService(deps);
  const network = noNetwork;
  const compute: ComputeService = createComputeService({ ...deps, identity, image, placement, network, agents });
  return { identity, image, placement, compute, all: [identity, image, placement, compute] };
}

/** Every service on its customary port, the console proxy, and all of them under the dashboard's port by path. */
async function listen(options: ControllerOptions, services: Services, metrics: Metrics): Promise<readonly Server[]> {
  const { listenAddress: host, publicHost } = options;
  const urls = publicUrls(publicHost);
  for (const service of services.all) {
    const port = CUSTOMARY_PORTS[service.type as PortName];
    await service.app.listen({ host, port }).catch((error: unknown) => explainPort(service.type, host, port, error));
  }
  const gateway = createGateway({
    services: Object.fromEntries(services.all.map((service) => [service.type, service.app])),
    publicUrl: urls.dashboard,
    fallback: createDashboard({ urls, metrics }),
  });
  const consoles = createServer();
  await listenServer(gateway, 'dashboard', host);
  await listenServer(consoles, 'console', host);
  return [gateway, consoles];
}

async function listenServer(server: Server, name: PortName, host: string): Promise<void> {
  const port = CUSTOMARY_PORTS[name];
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host }, () => {
      server.off('error', reject);
      resolve();
    });
  }).catch((error: unknown) => explainPort(name, host, port, error));
}

function explainPort(name: string, host: string, port: number, cause: unknown): never {
  const isTaken = cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE';
  const why = isTaken
    ? 'another program has it (ss -ltnp shows which); --listen chooses another address'
    : errorText(cause);
  throw new Error(`${name} cannot listen on ${host} port ${port}: ${why}`, { cause });
}

/** All that goes on while the controller runs. */
async function run(services: Services, tasks: TaskEngine, signal: AbortSignal, log: Log): Promise<void> {
  const work = [
    tasks.run(
      services.all.flatMap((service) => service.taskKinds ?? []),
      signal,
    ),
  ];
  for (const service of services.all) {
    if (service.run === undefined) continue;
    const ended = service.run(signal).catch((error: unknown) => {
      log.error({ service: service.type, error: errorChain(error) }, 'background work of a service ended');
    });
    work.push(ended);
  }
  await Promise.all(work);
}

async function closeAll(services: readonly Service[], servers: readonly Server[], clock: Clock): Promise<void> {
  const closed = Promise.all([
    ...services.map((service) => service.app.close()),
    ...servers.map((server) => new Promise((resolve) => server.close(resolve))),
  ]);
  for (const service of services) service.app.server.closeIdleConnections();
  for (const server of servers) server.closeIdleConnections();
  const patience = new AbortController();
  await Promise.race([closed, clock.sleep(CLOSE_MS, patience.signal)]);
  patience.abort();
  for (const service of services) service.app.server.closeAllConnections();
  for (const server of servers) server.closeAllConnections();
}
