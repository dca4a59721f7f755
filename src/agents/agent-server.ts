import type { Server } from 'node:http';
import { createSocketServer } from '#kernel/http/socket-server.ts';
import type { Log } from '#kernel/log.ts';
import type { AgentApi } from '#protocol/agent.ts';

/** The controller only asks; it has nothing long to say. */
const MAX_BODY_BYTES = 64 * 1024;

/** Serves {@link AgentApi} to controllers on this machine. Its counterpart is `controller/agent-client.ts`. */
export function createAgentServer(agent: AgentApi, log: Log): Server {
  const guest = (params: Readonly<Record<string, string>>): string => params['guestId'] ?? '';
  return createSocketServer({
    routes: [
      {
        method: 'GET',
        path: '/v1/guests/:guestId/console',
        handle: ({ params, query }) => agent.consoleOutput(guest(params), Number(query.get('bytes') ?? 0)),
      },
      {
        method: 'GET',
        path: '/v1/guests/:guestId/diagnostics',
        handle: ({ params }) => agent.diagnostics(guest(params)),
      },
      {
        method: 'POST',
        path: '/v1/guests/:guestId/password',
        handle({ params, body }) {
          const { user, password } = body as { user: string; password: string };
          return agent.setPassword(guest(params), user, password);
        },
      },
    ],
    upgrades: [{ path: '/v1/guests/:guestId/vnc', protocol: 'vnc', open: (params) => agent.openVnc(guest(params)) }],
    maxBodyBytes: MAX_BODY_BYTES,
    log,
  });
}
