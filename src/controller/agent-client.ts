import { ServiceUnavailable } from '#kernel/errors.ts';
import { askPeer, openPeer, type SocketPeer, upgradePeer } from '#kernel/http/socket-client.ts';
import type { AgentApi, AgentDirectory, GuestDiagnostics, PasswordOutcome } from '#protocol/agent.ts';

/** A person waits for each of these. */
const CALL_MS = 15_000;

/** {@link AgentApi} over an agent's socket. Its counterpart is `agents/agent-server.ts`. */
export function createAgentClient(peer: SocketPeer): AgentApi {
  const guest = (id: string): string => `/v1/guests/${encodeURIComponent(id)}`;
  return {
    async consoleOutput(guestId, maxBytes) {
      const path = `${guest(guestId)}/console?bytes=${maxBytes}`;
      const answer = await openPeer(peer, { method: 'GET', path, timeoutMs: CALL_MS });
      const chunks: Buffer[] = [];
      for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk);
      return Buffer.concat(chunks);
    },
    openVnc: (guestId) => upgradePeer(peer, `${guest(guestId)}/vnc`, 'vnc', CALL_MS),
    async diagnostics(guestId) {
      const path = `${guest(guestId)}/diagnostics`;
      return required(await askPeer<GuestDiagnostics>(peer, { method: 'GET', path, timeoutMs: CALL_MS }));
    },
    async setPassword(guestId, user, password) {
      const path = `${guest(guestId)}/password`;
      const body = { user, password };
      return required(await askPeer<PasswordOutcome>(peer, { method: 'POST', path, body, timeoutMs: CALL_MS }));
    },
  };
}

function required<T>(answer: T | null): T {
  if (answer === null) throw new ServiceUnavailable('agent.answer', 'The host did not say anything.');
  return answer;
}

/** The agents of one machine: there is one, whatever host it is asked for. */
export function createLocalDirectory(agent: AgentApi): AgentDirectory {
  return { agentOf: () => agent };
}
