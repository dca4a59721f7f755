/** The drivers of a real host, put together: libvirt, Linux bridges, and the metadata service between the two. */
import { join } from 'node:path';
import type { Clock } from '#kernel/clock.ts';
import type { Exec } from '#kernel/exec.ts';
import type { Log } from '#kernel/log.ts';
import type { ControllerApi } from '#protocol/controller.ts';
import type { DesiredGuests } from '#protocol/guests.ts';
import type { ComputeDriver } from './compute/drivers/contract.ts';
import { stopOwnLibvirt } from './compute/drivers/libvirt/daemon.ts';
import { createLibvirtDriver } from './compute/drivers/libvirt/driver.ts';
import { renderConfigDrive } from './guest-metadata/render.ts';
import { createMetadataHandler, findGuest } from './guest-metadata/server.ts';
import type { HostConfig } from './host-config.ts';
import type { NetworkDriver } from './network/drivers/contract.ts';
import { createLinuxBridgeDriver } from './network/drivers/linux-bridge/index.ts';

export interface HostDriverOptions {
  readonly cloudId: string;
  /** The agent's own folder. */
  readonly dataDir: string;
  readonly tunnelAddress: string | null;
  readonly config: HostConfig;
  readonly controller: Pick<ControllerApi, 'downloadImage'>;
  readonly exec: Exec;
  readonly clock: Clock;
  readonly log: Log;
}

export interface HostDrivers {
  readonly compute: ComputeDriver;
  readonly network: NetworkDriver;
  /** From now on guests are answered from what `desired` gives: the host's own copy, which outlives the controller. */
  serveMetadataOf(desired: () => DesiredGuests | undefined): void;
}

/** @throws {NetworkError} when the configuration of the networks makes no sense on this host. */
export async function createHostDrivers(options: HostDriverOptions): Promise<HostDrivers> {
  const { cloudId, dataDir, config, controller, exec, clock, log } = options;
  let desired: () => DesiredGuests | undefined = () => undefined;
  const answer = createMetadataHandler((networkId, address) => findGuest(desired(), networkId, address));
  const compute = createLibvirtDriver({
    cloudId,
    dataDir,
    exec,
    clock,
    log,
    renderConfigDrive,
    downloadImage: (imageId, signal) => controller.downloadImage(imageId, signal),
    virtType: virtTypeOf(config),
  });
  const network = await createLinuxBridgeDriver({
    cloudId,
    // Interfaces go with a reboot, and so must what is remembered of them.
    runDir: join('/run/pileus', cloudId),
    physicalNetworks: config.physicalNetworks,
    providerBridges:
      config.externalBridge === ''
        ? []
        : [{ name: config.externalBridge, addresses: [config.externalAddress], masquerade: config.externalMasquerade }],
    tunnelAddress: options.tunnelAddress,
    exec,
    clock,
    log,
    answerMetadata: async (networkId, sourceAddress, path) =>
      answer({ method: 'GET', path, sourceAddress }, [networkId]),
  });
  return {
    compute,
    network,
    serveMetadataOf(source) {
      desired = source;
    },
  };
}

function virtTypeOf({ virtType }: HostConfig): 'auto' | 'kvm' | 'qemu' {
  if (virtType === 'auto' || virtType === 'kvm' || virtType === 'qemu') return virtType;
  throw new Error(`host.virt_type is '${virtType}'; it can be auto, kvm or qemu`);
}

/** One guest's removal, its disks included. */
const REMOVE_MS = 60_000;

/** Removes every guest, interface, namespace, table and process of this cloud from the host, and nothing else. */
export async function purgeHost(options: HostDriverOptions): Promise<void> {
  const { compute, network } = await createHostDrivers(options);
  const { guests, remains } = await compute.observe(AbortSignal.timeout(REMOVE_MS));
  for (const id of [...guests.map((guest) => guest.id), ...remains])
    await compute.remove(id, AbortSignal.timeout(REMOVE_MS));
  await network.purge(AbortSignal.timeout(REMOVE_MS));
  await Promise.all([compute.close(), network.close()]);
  await stopOwnLibvirt(join(options.dataDir, 'libvirt'), options.clock);
}
