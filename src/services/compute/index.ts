/** Compute (nova's API): servers, flavors, key pairs, hosts and what belongs to them. */
import type { Server } from 'node:http';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { createPolicy } from '#kernel/auth/policy.ts';
import type { Db } from '#kernel/db/database.ts';
import { createServiceApp } from '#kernel/http/service-app.ts';
import type { Service, ServiceDeps } from '#kernel/service.ts';
import type { DesiredGuests, GuestsReport } from '#protocol/guests.ts';
import type { Heartbeat } from '#protocol/hosts.ts';
import { connectConsole, findConsole } from './consoles/logic.ts';
import { type ConsoleProxyOptions, createConsoleProxy } from './consoles/proxy.ts';
import type { ComputeDeps } from './deps.ts';
import { computeErrorStyle } from './error-style.ts';
import { ensureDefaultFlavors } from './flavors/defaults.ts';
import { type HostHealth, listHostHealth } from './hosts/health.ts';
import { takeHeartbeat } from './hosts/heartbeat.ts';
import { createLiveness } from './hosts/liveness.ts';
import { computeMicroversions } from './microversions.ts';
import { cancelServer, forceServer } from './operations/end.ts';
import { explainCompute } from './operations/explain.ts';
import { computeOrphans } from './operations/orphans.ts';
import { listLivingServers } from './operations/store.ts';
import type { ComputePeers } from './peers.ts';
import { computePolicy } from './policy.ts';
import { computeRoutes } from './routes.ts';
import { refreshPorts } from './servers/guests/refresh.ts';
import { readDesiredGuests, takeGuestsReport } from './servers/guests/report.ts';
import { createRecentHosts } from './servers/scheduler/recent.ts';
import { takeSnapshot } from './servers/snapshots/take.ts';
import { sweepServers } from './servers/sweep.ts';
import { serverTaskKinds } from './servers/tasks/kinds.ts';
import type { ComputeTables } from './tables.ts';

export type { HostHealth } from './hosts/health.ts';
export type {
  BootImage,
  ComputeImages,
  ComputeNetworks,
  ComputePeers,
  ServerPort,
} from './peers.ts';
export { guestsTopic } from './servers/guests/revision.ts';
export { type ComputeTables, computeMigrations } from './tables.ts';

export interface ComputeService extends Service {
  readonly type: 'compute';
  /** Takes a host's heartbeat: registers the host at the first one, and its provider in placement. */
  heartbeat(hostId: string, beat: Heartbeat): Promise<void>;
  /** How every host is, by name. */
  listHostHealth(): Promise<HostHealth[]>;
  /** Which of these servers are there and not deleted. */
  listLivingServers(ids: readonly string[]): Promise<ReadonlySet<string>>;
  /** The guests that a host is to have, with their revision (topic `guests:<hostId>`). */
  desiredGuests(hostId: string): Promise<DesiredGuests>;
  /** Takes what a host says of its guests. */
  reportGuests(hostId: string, report: GuestsReport): Promise<void>;
  /** Takes a snapshot's bytes from the host that was asked for it. @throws {NotFound} from any other. */
  takeSnapshot(hostId: string, imageId: string, data: Readable): Promise<void>;
  /** A server's ports have changed: its host is told if that changes the guest. Returns before it has. */
  refreshServer(tx: Db, serverId: string): Promise<void>;
  /** Makes what a new cloud has: the customary flavors. Safe to repeat. */
  bootstrap(): Promise<void>;
  /** Builds the server of consoles' pages and web sockets (port 6080); it does not listen yet. */
  createConsoleProxy(options: ConsoleProxyOptions): Server;
}

/** Builds the service; its schema (`computeMigrations`) must be there, and it does not listen yet. */
export function createComputeService(given: ServiceDeps & ComputePeers): ComputeService {
  const policy = createPolicy({
    rules: computePolicy,
    file: join(given.settings.configDir, 'compute', 'policy.yaml'),
    log: given.log,
    monotonicMs: () => given.clock.monotonicMs(),
  });
  const db = given.db as Db<ComputeTables>;
  const liveness = createLiveness(given.clock);
  const recentHosts = createRecentHosts({ ...given, db, liveness });
  const deps: ComputeDeps = { ...given, db, policy, liveness, recentHosts };
  const app = createServiceApp({
    type: 'compute',
    routes: computeRoutes(deps),
    style: computeErrorStyle,
    policy,
    microversions: computeMicroversions,
    authenticator: given.authenticator,
    publicUrl: given.settings.publicUrls['compute'] ?? '',
    identityUrl: given.settings.publicUrls['identity'] ?? '',
    clock: given.clock,
    log: given.log,
    metrics: given.metrics,
  });
  return {
    type: 'compute',
    app,
    taskKinds: serverTaskKinds(deps),
    operations: {
      explain: (id) => explainCompute(deps, id),
      cancel: (ctx, id) => cancelServer(deps, ctx, id),
      force: (ctx, id) => forceServer(deps, ctx, id),
      orphans: computeOrphans(deps),
    },
    run: (signal) => sweepServers(deps, signal),
    heartbeat: (hostId, beat) => takeHeartbeat(deps, hostId, beat),
    listHostHealth: () => listHostHealth(deps),
    listLivingServers: (ids) => listLivingServers(db, ids),
    desiredGuests: (hostId) => readDesiredGuests(deps, hostId),
    reportGuests: (hostId, report) => takeGuestsReport(deps, hostId, report),
    takeSnapshot: (hostId, imageId, data) => takeSnapshot(deps, hostId, imageId, data),
    refreshServer: (tx, serverId) => refreshPorts(deps, tx as unknown as ComputeDeps['db'], serverId),
    bootstrap: () => ensureDefaultFlavors(deps),
    createConsoleProxy: (options) =>
      createConsoleProxy(
        {
          findConsole: (token) => findConsole(deps, token),
          connectConsole: (target) => connectConsole(deps, target),
          clock: deps.clock,
          log: deps.log,
        },
        options,
      ),
  };
}
