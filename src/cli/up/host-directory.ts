import { ServiceUnavailable } from '#kernel/errors.ts';
import type { AgentApi, AgentDirectory } from '#protocol/agent.ts';

/** Finds the agents of hosts that run in this process. */
export function createHostDirectory(): AgentDirectory & { add(hostId: string, agent: AgentApi): void } {
  const agents = new Map<string, AgentApi>();
  return {
    add: (hostId, agent) => void agents.set(hostId, agent),
    agentOf(hostId) {
      const agent = agents.get(hostId);
      if (agent === undefined) throw new ServiceUnavailable('agent.unreachable', `Host ${hostId} is not connected.`);
      return agent;
    },
  };
}
