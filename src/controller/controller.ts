/**
 * A controller: the control plane over one database, listening.
 *
 * It keeps nothing but what is in the database (and, with the file store, images): it can be killed at any instant and
 * started again. Only the lock on its folder is its own, so that no two work in one.
 */
import { mkdirSync } from 'node:fs';
import type { Server } from 'node:http';
import { join } from 'node:path';
import type { Clock } from '#kernel/clock.ts';
import { type DatabaseOptions, type Db, openDatabase } from '#kernel/db/database.ts';
import { claimInstance, type Instance } from '#kernel/db/instance.ts';
import { migrateUp } from '#kernel/db/migrate.ts';
import { errorChain, errorText } from '#kernel/errors.ts';
import { createGateway } from '#kernel/http/gateway.ts';
import type { Log } from '#kernel/log.ts';
import type { Random } from '#kernel/random.ts';
import type { Service } from '#kernel/service.ts';
import type { AgentDirectory } from '#protocol/agent.ts';
import type { ControllerApi } from '#protocol/controller.ts';
import { DEFAULT_IDENTITY_CONFIG, type IdentityConfig, openIdentityKeys } from '#services/identity/index.ts';
import type { ImageConfig } from '#services/image/index.ts';
import { type ControlPlane, controllerMigrations, createControlPlane } from './control-plane.ts';
import { createDashboard } from './dashboard.ts';
import { CUSTOMARY_PORTS, type PortName, publicUrls } from './settings.ts';
import { createSharedFolder, type SharedFolder } from './shared-state/shared-folder.ts';
import type { SharedStateTables } from './shared-state/tables.ts';

export interface ControllerOptions {
  /** The controller's own folder: database (unless it is on a server), images, keys. */
  readonly dataDir: string;
  readonly configDir: string;
  /** The address that the APIs listen on, and the name or address that clients know it by. */
  readonly listenAddress: string;
  readonly publicHost: string;
  readonly region: string;
  readonly adminPassword: string;
  readonly database: DatabaseOptions;
  /** Opens what the controllers of one database share; undefined where there is only one. */
  readonly cloudKey: string | undefined;
  /** What the operator has set, section by section. */
  readonly config: ControllerConfig;
  readonly agents: AgentDirectory;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface ControllerConfig {
  readonly identity?: Partial<IdentityConfig>;
  readonly image?: Partial<ImageConfig>;
}

export interface Controller {
  /** What agents ask. */
  readonly api: ControllerApi;
  /** Where clients find each service. */
  readonly urls: Readonly<Record<PortName, string>>;
  readonly services: readonly Service[];
  /** Ends what is under way and closes everything. */
  stop(): Promise<void>;
}

/** The embedded database, in the controller's folder. */
export const DATABASE_FILE = 'pileus.sqlite';
/** Requests still under way at the end get this long. */
const CLOSE_MS = 3_000;

/**
 * Opens the database, brings it up to date, starts every service, and listens.
 * @throws when another controller works in the folder, when a port is taken (naming it), or when the database cannot be opened.
 */
export async function startController(options: ControllerOptions): Promise<Controller> {
  const { log, dataDir } = options;
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const instance = await claimInstance(join(dataDir, 'instance.sqlite'), options.clock);
  const db = openDatabase(options.database);
  const stop = new AbortController();
  try {
    await migrateUp(db, controllerMigrations);
    if (options.cloudKey !== undefined) await shareKeys(options, options.cloudKey, db, stop.signal);
    return await startServices(options, { db, instance, stop });
  } catch (error) {
    stop.abort();
    await db.destroy();
    instance.release();
    log.error({ error: errorChain(error) }, 'controller could not start');
    throw error;
  }
}

/** How often keys that another controller rotated in are looked for. */
const SHARE_EVERY_MS = 15_000;

/** Has the same keys as every other controller of this database, and keeps it so. */
async function shareKeys(options: ControllerOptions, cloudKey: string, db: Db, signal: AbortSignal): Promise<void> {
  const { clock, dataDir, log } = options;
  await openIdentityKeys(dataDir, options.config.identity?.maxActiveKeys ?? DEFAULT_IDENTITY_CONFIG.maxActiveKeys);
  const keys = sharedKeys(db, cloudKey, dataDir);
  await keys.pull();
  const goOn = async (): Promise<void> => {
    for (;;) {
      await clock.sleep(SHARE_EVERY_MS, signal);
      if (signal.aborted) return;
      await keys
        .pull()
        .catch((error: unknown) => log.error({ error: errorChain(error) }, 'shared keys could not be looked at'));
    }
  };
  void goOn();
}

/** The folder of identity's keys, as the controllers of a database share it. */
export function sharedKeys(db: Db, cloudKey: string, dataDir: string): SharedFolder {
  return createSharedFolder({
    db: db as Db<SharedStateTables>,
    cloudKey,
    name: 'identity',
    folder: join(dataDir, 'identity'),
  });
}

async function startServices(
  options: ControllerOptions,
  { db, instance, stop }: { readonly db: Db; readonly instance: Instance; readonly stop: AbortController },
): Promise<Controller> {
  const { clock, log, random, region, dataDir, configDir } = options;
  const urls = publicUrls(options.publicHost);
  const plane = await createControlPlane({
    db,
    owner: instance,
    settings: { region, publicUrls: urls, dataDir, configDir },
    adminPassword: options.adminPassword,
    identity: options.config.identity ?? {},
    image: options.config.image ?? {},
    agents: options.agents,
    clock,
    random,
    log,
  });
  const servers = await listen(options, plane).catch(async (error: unknown) => {
    await closeAll(plane.services, [], clock);
    throw error;
  });
  const work = plane.run(stop.signal);
  return {
    api: plane.api,
    urls,
    services: plane.services,
    async stop() {
      stop.abort();
      await closeAll(plane.services, servers, clock);
      await work;
      await db.destroy();
      instance.release();
    },
  };
}

/** Every service on its customary port, the console proxy, and all of them under the dashboard's port by path. */
async function listen(
  options: ControllerOptions,
  { services, operations, compute, metrics }: ControlPlane,
): Promise<readonly Server[]> {
  const { listenAddress: host, publicHost } = options;
  const urls = publicUrls(publicHost);
  for (const service of services) {
    const port = CUSTOMARY_PORTS[service.type as PortName];
    await service.app.listen({ host, port }).catch((error: unknown) => explainPort(service.type, host, port, error));
  }
  await operations.ready();
  const gateway = createGateway({
    services: { ...Object.fromEntries(services.map(({ type, app }) => [type, app])), operations },
    publicUrl: urls.dashboard,
    fallback: createDashboard({ urls, metrics }),
  });
  const consoles = compute.createConsoleProxy({ publicUrl: urls.console, frameAncestors: [urls.dashboard] });
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
