import type { Clock } from '#kernel/clock.ts';
import { type ComputeDriver, DriverError } from '../contract.ts';
import type { Connection } from './connection.ts';
import { interfaceXml, pluggedInterfaceXml } from './domain.ts';
import { getGuest, isUp } from './own-domains.ts';
import type { DomainRef, LibvirtClient } from './rpc/client.ts';
import { ignoringError } from './rpc/errors.ts';
import { affect, errorNumber } from './rpc/protocol.ts';

/** How often it is looked whether a guest has let go of an interface. */
const POLL_MS = 200;
/** Guests let go of a device within a second, or never. */
const DETACH_MS = 20_000;

export type PluggingSteps = Pick<ComputeDriver, 'attachInterface' | 'detachInterface'>;

/** The driver's steps that plug interfaces into a guest and out of it, whether it is up or off. */
export function createPluggingSteps(parts: {
  readonly connection: Connection;
  readonly cloudId: string;
  readonly clock: Clock;
}): PluggingSteps {
  const { connection, cloudId, clock } = parts;
  return {
    async attachInterface(guestId, port, signal) {
      const { client } = await connection.open();
      const { domain, parsed } = await getGuest(client, cloudId, guestId);
      if (parsed.interfaces.some(({ portId }) => portId === port.portId)) return;
      await client.attachDevice(domain, interfaceXml(port), await impact(client, domain), { signal });
    },

    async detachInterface(guestId, portId, signal) {
      const { client } = await connection.open();
      const { domain, parsed } = await getGuest(client, cloudId, guestId);
      const plugged = parsed.interfaces.find((port) => port.portId === portId);
      if (plugged === undefined) return;
      const flags = await impact(client, domain);
      const detached = client.detachDevice(domain, pluggedInterfaceXml(plugged), flags, { signal });
      await ignoringError(errorNumber.deviceMissing, detached);
      const end = clock.monotonicMs() + DETACH_MS;
      const holds = async (): Promise<boolean> =>
        (await getGuest(client, cloudId, guestId)).parsed.interfaces.some((port) => port.portId === portId);
      while (await holds()) {
        if (clock.monotonicMs() > end)
          throw new DriverError('guest.interface.held', `Guest ${guestId} does not let go of port ${portId}.`);
        await clock.sleep(POLL_MS, signal);
        signal.throwIfAborted();
      }
    },
  };
}

/** What a change of devices is to change: the guest as it is, if it is up, and as it will be started. */
async function impact(client: LibvirtClient, domain: DomainRef): Promise<number> {
  return (await isUp(client, domain)) ? affect.live | affect.config : affect.config;
}
