import type { Clock } from '#kernel/clock.ts';
import type { Log } from '#kernel/log.ts';
import { type ComputeDriver, DriverError } from '../contract.ts';
import type { Connection } from './connection.ts';
import { findGuest, getGuest, isUp } from './own-domains.ts';
import type { DomainRef, LibvirtClient } from './rpc/client.ts';
import { ignoringError } from './rpc/errors.ts';
import { createFlag, domainState, errorNumber, shutdownFlag } from './rpc/protocol.ts';

/** QEMU comes up in a second; restoring a large saved memory takes longer. */
const START_MS = 120_000;
/** A large guest's memory takes its time to be written. */
const SUSPEND_MS = 600_000;
/** How often a guest's power state is looked at while it shuts down. */
const POLL_MS = 200;
/** A guest that is booting may miss the first request to shut down. */
const ASK_AGAIN_MS = 10_000;

export type PowerSteps = Pick<ComputeDriver, 'start' | 'shutDown' | 'powerOff' | 'pause' | 'resume' | 'suspend'>;

/** The driver's steps that change what a defined guest is doing; each is without effect where that is so already. */
export function createPowerSteps(parts: {
  readonly connection: Connection;
  readonly cloudId: string;
  readonly clock: Clock;
  readonly log: Log;
}): PowerSteps {
  const { connection, cloudId, clock, log } = parts;
  return {
    async start(guestId, { isPaused }, signal) {
      const { client, daemon } = await connection.open();
      const { domain } = await getGuest(client, cloudId, guestId);
      if (await isUp(client, domain, signal)) return;
      await daemon.ensureLogger(signal);
      const flags = isPaused ? createFlag.startPaused : 0;
      await client.createDomain(domain, flags, { timeoutMs: START_MS, signal }).catch((cause: unknown) => {
        throw new DriverError('guest.start', `Guest ${guestId} cannot be started.`, { cause });
      });
    },

    async shutDown(guestId, graceMs, signal) {
      const { client } = await connection.open();
      const found = await findGuest(client, cloudId, guestId);
      if (found === undefined || (await waitUntilOff(client, found.domain, { clock, graceMs }, signal))) return;
      log.info({ guest: guestId, graceMs }, 'the guest does not shut down, its power is taken away');
      await destroy(client, found.domain, signal);
    },

    async powerOff(guestId, signal) {
      const { client } = await connection.open();
      const found = await findGuest(client, cloudId, guestId);
      if (found === undefined) return;
      await destroy(client, found.domain, signal);
      if (await client.hasManagedSave(found.domain, { signal }))
        await client.removeManagedSave(found.domain, { signal });
    },

    async pause(guestId, signal) {
      const { client } = await connection.open();
      const { domain } = await getGuest(client, cloudId, guestId);
      await client.suspendDomain(domain, { signal });
    },

    async resume(guestId, signal) {
      const { client } = await connection.open();
      const { domain } = await getGuest(client, cloudId, guestId);
      if ((await client.domainState(domain, { signal })).state === domainState.running) return;
      await client.resumeDomain(domain, { signal });
    },

    async suspend(guestId, signal) {
      const { client } = await connection.open();
      const { domain } = await getGuest(client, cloudId, guestId);
      if (!(await isUp(client, domain, signal))) return;
      await client.managedSave(domain, { timeoutMs: SUSPEND_MS, signal });
    },
  };
}

/** Takes the power away; without effect on a guest that is off. */
export async function destroy(client: LibvirtClient, domain: DomainRef, signal: AbortSignal): Promise<void> {
  if (!(await isUp(client, domain, signal))) return;
  await ignoringError(errorNumber.operationInvalid, client.destroyDomain(domain, 0, { signal }));
}

/** Asks the guest to shut down, again and again. @returns whether it did within its grace. */
async function waitUntilOff(
  client: LibvirtClient,
  domain: DomainRef,
  { clock, graceMs }: { readonly clock: Clock; readonly graceMs: number },
  signal: AbortSignal,
): Promise<boolean> {
  const start = clock.monotonicMs();
  let askedMs = Number.NEGATIVE_INFINITY;
  while (clock.monotonicMs() - start < graceMs) {
    if (!(await isUp(client, domain, signal))) return true;
    if (clock.monotonicMs() - askedMs >= ASK_AGAIN_MS) {
      askedMs = clock.monotonicMs();
      const asked = client.shutdownDomain(domain, shutdownFlag.acpiPowerButton, { signal });
      await ignoringError(errorNumber.operationInvalid, asked);
    }
    await clock.sleep(POLL_MS, signal);
    signal.throwIfAborted();
  }
  return !(await isUp(client, domain, signal));
}
