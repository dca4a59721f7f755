/** A host's networks in memory, for `pileus up --fake` and tests: needs no rights, and does what it is told. */
import type { Clock } from '#kernel/clock.ts';
import type { NetworkFacts } from '#protocol/hosts.ts';
import type { DesiredNetworks } from '#protocol/networks.ts';
import {
  type Change,
  type Design,
  type DesignedResource,
  type NetworkDriver,
  type NetworkError,
  type Resource,
  type ResourceKind,
  resourceKey,
  type Snapshot,
} from '../contract.ts';

export interface FakeNetworkOptions {
  readonly clock: Clock;
  /** How long each change takes; 0 when absent. */
  readonly changeMs?: number;
  readonly physicalNetworks?: Readonly<Record<string, string>>;
}

export interface FakeNetworkDriver extends NetworkDriver {
  /** Everything that is there, by key. */
  readonly present: ReadonlyMap<string, Resource>;
  /** Each change from now on, in order: `ensure port:…`. */
  readonly history: readonly string[];
  /** Makes changes of this resource fail with this error until it is called without one. */
  failOn(key: string, error?: NetworkError): void;
  /** Takes a resource away behind everybody's back. */
  lose(key: string): void;
}

interface FakeSnapshot extends Snapshot {
  readonly present: ReadonlyMap<string, Resource>;
}

const TYPES: readonly string[] = ['local', 'flat', 'vlan', 'vxlan', 'gre'];

export function createFakeNetworkDriver(options: FakeNetworkOptions): FakeNetworkDriver {
  const present = new Map<string, Resource>();
  const history: string[] = [];
  const failing = new Map<string, NetworkError>();
  const facts: NetworkFacts = {
    driver: 'fake',
    types: TYPES,
    physicalNetworks: options.physicalNetworks ?? { physnet1: 'fake0' },
    tunnelAddress: '192.0.2.1',
  };

  return {
    facts,
    present,
    history,
    failOn(key, error) {
      if (error === undefined) failing.delete(key);
      else failing.set(key, error);
    },
    lose: (key) => void present.delete(key),
    design: (desired) => designFake(facts, desired),
    observe: async () => ({ takenBy: 'fake', present: new Map(present) }) satisfies FakeSnapshot,
    compare: (_design, snapshot) => (snapshot as FakeSnapshot).present,
    async apply(change: Change, signal) {
      if (options.changeMs !== undefined) await options.clock.sleep(options.changeMs, signal);
      signal.throwIfAborted();
      const { key, kind, id, fingerprint } = change.resource;
      history.push(`${change.action} ${key}`);
      const error = failing.get(key);
      if (error !== undefined) throw error;
      if (change.action === 'remove') present.delete(key);
      else present.set(key, { key, kind, id, fingerprint });
    },
    async purge() {
      present.clear();
    },
    close: async () => undefined,
  };
}

function designFake(facts: NetworkFacts, desired: DesiredNetworks): Design {
  const resources = new Map<string, DesignedResource>();
  const problems: Design['problems'][number][] = [];
  const add = (kind: ResourceKind, id: string, spec: unknown): void => {
    const key = resourceKey(kind, id);
    resources.set(key, { key, kind, id, fingerprint: JSON.stringify(spec), spec });
  };
  const known = new Set<string>();
  for (const network of desired.networks) {
    const needsPhysical = network.type === 'flat' || network.type === 'vlan';
    if (needsPhysical && facts.physicalNetworks[network.physicalNetwork ?? ''] === undefined) {
      problems.push({
        kind: 'network',
        id: network.id,
        code: 'network.physical.unknown',
        message: `The physical network '${network.physicalNetwork}' is not mapped to an interface on this host.`,
      });
      continue;
    }
    known.add(network.id);
    const { dhcp, ...rest } = network;
    add('network', network.id, rest);
    if (dhcp !== null) add('dhcp', network.id, dhcp);
  }
  const ports = desired.ports.filter((port) => known.has(port.networkId));
  for (const port of ports) {
    add('port', port.id, [
      port.networkId,
      port.isAdminUp,
      desired.networks.find((network) => network.id === port.networkId)?.mtu,
    ]);
  }
  for (const router of desired.routers) if (router.isAdminUp) add('router', router.id, router);
  if (known.size > 0) add('firewall', '', [ports, desired.securityGroups]);
  return { resources, problems };
}
