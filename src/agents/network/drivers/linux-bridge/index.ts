/**
 * Linux bridges, tap devices, network namespaces, dnsmasq and nftables.
 *
 * Theory of operation. Changes that the loop hands over together are carried out together: removals in one `ip -batch`, all
 * filters in one nftables transaction, all additions in one `ip -batch`, then what belongs into namespaces. A
 * failing line fails its own resource; the rest goes on. Filters come before the devices that they guard: a port whose
 * filters have not been applied is not connected. After a crash anywhere in between, the journal, the
 * interfaces' aliases and the stamps tell what is there, and the loop does what is missing.
 *
 * Only what carries this cloud's mark is ever changed or removed; see docs/decisions for the marks.
 */
import { rm } from 'node:fs/promises';
import type { Clock } from '#kernel/clock.ts';
import { errorChain } from '#kernel/errors.ts';
import type { Exec } from '#kernel/exec.ts';
import type { Log } from '#kernel/log.ts';
import type { NetworkFacts } from '#protocol/hosts.ts';
import { type AnswerMetadata, type Change, type NetworkDriver, NetworkError } from '../contract.ts';
import { parsePrefix } from './addresses.ts';
import { createBatcher } from './batcher.ts';
import { type DesignContext, designHost, type ProviderBridge } from './design.ts';
import { createHostWriter } from './host.ts';
import { createMetadataListeners } from './metadata.ts';
import { createObserver, describeHost, type HostState } from './observation.ts';
import { probeHost } from './probe.ts';

export type { ProviderBridge } from './design.ts';

export interface LinuxBridgeOptions {
  /** Names the cloud in interface aliases and table names; letters, digits, dots, dashes. */
  readonly cloudId: string;
  /** Such as `/run/pileus/<cloud>/network`: must be readable by dnsmasq's user, and go away with a reboot. */
  readonly runDir: string;
  /** Physical network → interface or bridge, as `{ physnet1: 'eth1' }`. */
  readonly physicalNetworks: Readonly<Record<string, string>>;
  readonly providerBridges: readonly ProviderBridge[];
  /** This host's end of VXLAN tunnels, or null for none. */
  readonly tunnelAddress: string | null;
  readonly exec: Exec;
  readonly clock: Clock;
  readonly log: Log;
  readonly answerMetadata: AnswerMetadata;
}

const CLOUD_ID = /^[0-9a-zA-Z][0-9a-zA-Z.-]{0,63}$/;
/** It stands in dnsmasq's configuration. */
const RUN_DIR = /^\/[0-9a-zA-Z._/-]+$/;
/** Linux: 15 characters. No `%`, which the kernel would replace by a number. */
const INTERFACE_NAME = /^[0-9a-zA-Z][0-9a-zA-Z_.-]{0,14}$/;

/**
 * Looks at what the host can do and gives its driver.
 * @throws {NetworkError} `network.config.invalid`
 */
export async function createLinuxBridgeDriver(options: LinuxBridgeOptions): Promise<NetworkDriver> {
  checkOptions(options);
  const { exec, clock, log } = options;
  const abilities = await probeHost(exec, options.cloudId);
  const context: DesignContext = { ...options, ...abilities };
  const listeners = createMetadataListeners(options.answerMetadata, log);
  const observer = createObserver(context, exec, clock, listeners);
  const writer = createHostWriter({ context, exec, clock, log, listeners, observer });
  const batcher = createBatcher<Change>((changes, signal) => writer.write(changes, signal));
  return {
    facts: factsOf(options, abilities),
    design: (desired) => designHost(context, desired),
    observe: (signal) => observer.look(signal),
    compare: (design, snapshot) => describeHost(context.cloudId, snapshot as HostState, design),
    apply: (change, signal) => batcher.add(change, signal),
    async purge(signal) {
      const present = describeHost(context.cloudId, await observer.look(signal), {
        resources: new Map(),
        problems: [],
      });
      const removals = [...present.values()].map((resource) => batcher.add({ action: 'remove', resource }, signal));
      const failed = (await Promise.allSettled(removals)).filter((result) => result.status === 'rejected');
      if (failed.length > 0) {
        throw new NetworkError('network.purge.failed', failed.map((result) => errorChain(result.reason)).join('; '));
      }
      await rm(options.runDir, { recursive: true, force: true });
    },
    close: () => listeners.close(),
  };
}

function checkOptions(options: LinuxBridgeOptions): void {
  const invalid = (message: string): never => {
    throw new NetworkError('network.config.invalid', message);
  };
  if (!CLOUD_ID.test(options.cloudId))
    invalid(`The cloud's id '${options.cloudId}' may only have letters, digits, dots and dashes.`);
  if (!RUN_DIR.test(options.runDir))
    invalid(`The folder '${options.runDir}' must be absolute and of plain characters.`);
  for (const address of options.providerBridges.flatMap((bridge) => bridge.addresses)) {
    if (!address.includes('/') || parsePrefix(address) === undefined)
      invalid(`'${address}' is not an address with a prefix length.`);
  }
  for (const name of [
    ...Object.values(options.physicalNetworks),
    ...options.providerBridges.map((bridge) => bridge.name),
  ]) {
    if (!INTERFACE_NAME.test(name)) invalid(`'${name}' is not an interface's name.`);
  }
}

function factsOf(
  options: LinuxBridgeOptions,
  abilities: { readonly hasVlan: boolean; readonly hasVxlan: boolean },
): NetworkFacts {
  return {
    driver: 'linux-bridge',
    types: [
      'local',
      ...(Object.keys(options.physicalNetworks).length > 0 ? ['flat'] : []),
      ...(abilities.hasVlan && Object.keys(options.physicalNetworks).length > 0 ? ['vlan'] : []),
      ...(abilities.hasVxlan && options.tunnelAddress !== null ? ['vxlan'] : []),
    ],
    physicalNetworks: options.physicalNetworks,
    tunnelAddress: options.tunnelAddress,
  };
}
