import { createHash, randomUUID } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { RequestContext } from '#kernel/auth/context.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { BadRequest, Conflict, NotFound, Unauthorized } from '#kernel/errors.ts';
import type { ComputeDeps } from '../deps.ts';
import { listHostNames } from '../hosts/store.ts';
import type { RemoteConsole } from './schema.ts';
import { type ConsoleTarget, findConsoleServer, findConsoleTarget, insertConsoleToken } from './store.ts';

type Deps = Pick<ComputeDeps, 'db' | 'policy' | 'clock' | 'settings' | 'agents'>;

/** How long a console can be opened with a token, as nova's `[consoleauth] token_ttl`. What is open stays open. */
const TOKEN_LIFE_MS = 600_000;
/** No token is longer. */
const MAX_TOKEN_LENGTH = 255;

/** The page with the console, as clients of nova know it. */
export const CONSOLE_PAGE = '/vnc_lite.html';

/**
 * Gives a web address under which a server's screen can be seen and used for a while.
 * @throws {NotFound} `compute.server.absent`; {Conflict} `compute.server.not_ready` before it has a host; {BadRequest}
 *   `compute.console.unavailable` for another kind than noVNC's; {Forbidden} by policy.
 */
export async function openRemoteConsole(
  deps: Deps,
  ctx: RequestContext,
  serverId: string,
  { protocol, type }: RemoteConsole,
): Promise<string> {
  const server = await findConsoleServer(deps.db, serverId);
  if (server === undefined)
    throw new NotFound('compute.server.absent', `Instance ${serverId.slice(0, 255)} could not be found.`);
  deps.policy.enforce(ctx, 'os_compute_api:os-remote-consoles', { project_id: server.project_id });
  if (protocol !== 'vnc') {
    const unavailable = `Unavailable console type ${type}.`;
    throw new BadRequest('compute.console.unavailable', unavailable);
  }
  if (type !== 'novnc') throw new BadRequest('compute.console.invalid', `Invalid console type ${type}`);
  if (server.host_id === null) throw new Conflict('compute.server.not_ready', `Instance ${server.id} is not ready`);
  const token = randomUUID();
  const nowMs = deps.clock.now().getTime();
  const row = { token_hash: hashOf(token), server_id: server.id, type, expires_at: nowMs + TOKEN_LIFE_MS };
  await inTransaction(deps.db, (tx) => insertConsoleToken(tx, row, nowMs));
  const query = new URLSearchParams({ path: `?token=${token}` });
  return `${deps.settings.publicUrls['console'] ?? ''}${CONSOLE_PAGE}?${query.toString()}`;
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** Whose console a token opens; undefined for one that isn't good, or no longer. */
export async function findConsole(
  { db, clock }: Pick<Deps, 'db' | 'clock'>,
  token: string,
): Promise<ConsoleTarget | undefined> {
  if (token === '' || token.length > MAX_TOKEN_LENGTH) return undefined;
  return findConsoleTarget(db, hashOf(token), clock.now().getTime());
}

/** Opens the stream to a server's screen. @throws {ServiceUnavailable} `agent.unreachable`; {NotFound} `agent.guest.absent` */
export function connectConsole({ agents }: Pick<Deps, 'agents'>, target: ConsoleTarget): Promise<Duplex> {
  return agents.agentOf(target.hostId).openVnc(target.serverId);
}

export interface ConnectionInfo {
  readonly instance_uuid: string;
  readonly host: string | null;
  readonly port: number;
  readonly internal_access_path: string | null;
}

/**
 * What a token opens, for other programs than the proxy here.
 * @param isOfAnyType From 2.31 on; before it only those of RDP, which is none, may be looked at.
 * @throws {NotFound} `compute.console.token_absent`; {Unauthorized} `compute.console.type`
 */
export async function showConsoleToken(
  deps: Pick<Deps, 'db' | 'clock'>,
  token: string,
  isOfAnyType: boolean,
): Promise<ConnectionInfo> {
  const target = await findConsole(deps, token);
  if (target === undefined) throw new NotFound('compute.console.token_absent', 'Token not found');
  if (!isOfAnyType) {
    throw new Unauthorized('compute.console.type', 'The requested console type details are not accessible');
  }
  const names = await listHostNames(deps.db, [target.hostId]);
  return {
    instance_uuid: target.serverId,
    host: names.get(target.hostId) ?? null,
    // A screen has no port: it is a socket on its host, which the host's agent opens.
    port: 0,
    internal_access_path: null,
  };
}
