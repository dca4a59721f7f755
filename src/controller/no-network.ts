/** Stands where the network service will: compute can be asked everything that needs no network. Goes when that lands. */
import { ServiceUnavailable } from '#kernel/errors.ts';
import type { ComputePeers } from '#services/compute/index.ts';

function missing(): never {
  throw new ServiceUnavailable('network.absent', 'The network service is not there yet.');
}

export const noNetwork: ComputePeers['network'] = {
  resolveServerNetworks: async (_ctx, requested) => (requested === 'none' ? [] : missing()),
  findSecurityGroups: async () => [],
  ensureServerPort: async () => missing(),
  releaseServerPorts: async () => {},
  listServerPorts: async () => new Map(),
};
