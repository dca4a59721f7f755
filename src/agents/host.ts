/**
 * One host's agent: the compute side, the network side, and the heartbeat, put together.
 */
import { mkdirSync } from 'node:fs';
import type { Clock } from '#kernel/clock.ts';
import { errorChain } from '#kernel/errors.ts';
import type { Log } from '#kernel/log.ts';
import type { AgentApi } from '#protocol/agent.ts';
import { type ControllerApi, HEARTBEAT_MS } from '#protocol/controller.ts';
import type { DesiredGuests } from '#protocol/guests.ts';
import type { Heartbeat, HostNotice, HypervisorFacts, NetworkFacts } from '#protocol/hosts.ts';
import { createComputeAgent } from './compute/agent.ts';
import type { ComputeDriver } from './compute/drivers/contract.ts';
import { createNetworkAgent } from './network/agent.ts';
import type { NetworkDriver } from './network/drivers/contract.ts';
import { hostNotices, keptNotices } from './notices.ts';

export interface HostOptions {
  readonly hostId: string;
  readonly hostname: string;
  /** Where other hosts reach this one. */
  readonly address: string;
  readonly version: string;
  /** The agent's own folder: the desired state last heard. */
  readonly dataDir: string;
  readonly controller: ControllerApi;
  readonly compute: ComputeDriver;
  readonly network: NetworkDriver;
  /** What it says is wrong or worth knowing, by its facts; {@link hostNotices} unless given. */
  readonly notices?: (hypervisor: HypervisorFacts, network: NetworkFacts) => readonly HostNotice[];
  readonly clock: Clock;
  readonly log: Log;
}

export interface Host {
  /** What the controller may ask. */
  readonly api: AgentApi;
  /** Resolves once the controller has heard of this host. */
  readonly registered: Promise<void>;
  /** The guests that the host was last told to have, for the metadata service. */
  desiredGuests(): DesiredGuests | undefined;
  /** Runs until `signal` aborts; guests and their networks go on. */
  run(signal: AbortSignal): Promise<void>;
}

/** A heartbeat that could not be delivered is tried again this soon. */
const RETRY_MS = 500;
/** Reading the host's facts: some calls to the hypervisor. */
const FACTS_MS = 15_000;

/** Builds the agent of one host. Nothing happens before {@link Host.run}. */
export function createHost(options: HostOptions): Host {
  const { hostId, controller, clock, log, dataDir } = options;
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const { promise: registered, resolve: setRegistered } = Promise.withResolvers<void>();
  const compute = createComputeAgent({ driver: options.compute, controller, hostId, dataDir, clock, log });
  // A guest starts once its taps are there: the network's end of a pass is what it waits for.
  const network = createNetworkAgent({
    driver: options.network,
    controller,
    hostId,
    dataDir,
    clock,
    log,
    onApplied: () => compute.poke(),
  });

  async function beat(): Promise<void> {
    const hypervisor = await options.compute.facts(AbortSignal.timeout(FACTS_MS));
    const heartbeat: Heartbeat = {
      facts: {
        id: hostId,
        hostname: options.hostname,
        address: options.address,
        agentVersion: options.version,
        hypervisor,
        network: options.network.facts,
      },
      notices: [...(options.notices ?? hostNotices)(hypervisor, options.network.facts), ...keptNotices(compute.kept())],
    };
    await controller.heartbeat(hostId, heartbeat);
  }

  async function keepBeating(signal: AbortSignal): Promise<void> {
    let isHeard = true;
    while (!signal.aborted) {
      try {
        await beat();
        setRegistered();
        if (!isHeard) log.info({}, 'the controller hears this host again');
        isHeard = true;
      } catch (error) {
        if (isHeard) log.warn({ error: errorChain(error) }, 'the controller does not hear this host; guests go on');
        isHeard = false;
      }
      await clock.sleep(isHeard ? HEARTBEAT_MS : RETRY_MS, signal);
    }
  }

  return {
    api: compute.api,
    registered,
    desiredGuests: () => compute.desired(),
    async run(signal) {
      await Promise.all([keepBeating(signal), network.run(signal), compute.run(signal)]);
      await Promise.all([options.network.close(), options.compute.close()]);
    },
  };
}
