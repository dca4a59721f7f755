/** Which of libvirt's domains are guests of ours, and what they are doing: those that carry our mark and our cloud's id. */
import { type ComputeActual, DriverError, type GuestActual, type GuestPower } from '../contract.ts';
import { type ParsedDomain, parseDomain } from './domain.ts';
import type { DomainRef, LibvirtClient } from './rpc/client.ts';
import { isLibvirtError } from './rpc/errors.ts';
import { domainState, errorNumber, pausedReason, shutOffReason } from './rpc/protocol.ts';

/** A guest's domain, with what it says of itself. */
export interface OwnDomain {
  readonly domain: DomainRef;
  readonly parsed: ParsedDomain;
}

/** Stands for a session that the host has left, as in `GuestMarks.session`. */
const LOST_SESSION = 'lost';

/** @throws {DriverError} `guest.stranger` when another's domain has the guest's id. */
export async function findGuest(
  client: LibvirtClient,
  cloudId: string,
  guestId: string,
): Promise<OwnDomain | undefined> {
  const domain = await client.findDomain(guestId);
  if (domain === undefined) return undefined;
  const parsed = parseDomain(await client.domainXml(domain, 0));
  if (parsed.cloudId !== cloudId)
    throw new DriverError('guest.stranger', `Domain ${domain.name} has a guest's id, but is not ours.`);
  return { domain, parsed };
}

/** @throws {DriverError} `guest.absent`, `guest.stranger`. */
export async function getGuest(client: LibvirtClient, cloudId: string, guestId: string): Promise<OwnDomain> {
  const found = await findGuest(client, cloudId, guestId);
  if (found === undefined) throw new DriverError('guest.absent', `Guest ${guestId} is not on this host.`);
  return found;
}

/** Reads all domains: guests of ours, and the names of all others. */
export async function readDomains(
  client: LibvirtClient,
  cloudId: string,
  signal: AbortSignal,
): Promise<Pick<ComputeActual, 'guests' | 'strangers'>> {
  const domains = await client.listDomains({ signal });
  const described = await Promise.all(
    domains.map(async (domain) => {
      try {
        return { domain, guest: await describe(client, cloudId, domain, signal) };
      } catch (error) {
        if (isLibvirtError(error, errorNumber.noDomain)) return undefined; // it went while we looked
        throw error;
      }
    }),
  );
  const seen = described.filter((entry) => entry !== undefined);
  return {
    guests: seen.flatMap(({ guest }) => guest ?? []),
    strangers: seen.filter(({ guest }) => guest === undefined).map(({ domain }) => domain.name),
  };
}

async function describe(
  client: LibvirtClient,
  cloudId: string,
  domain: DomainRef,
  signal: AbortSignal,
): Promise<GuestActual | undefined> {
  const [xml, state, isSaved] = await Promise.all([
    client.domainXml(domain, 0, { signal }),
    client.domainState(domain, { signal }),
    client.hasManagedSave(domain, { signal }),
  ]);
  const parsed = parseDomain(xml);
  if (parsed.cloudId !== cloudId) return undefined;
  const interfaces = parsed.interfaces.map(({ portId, deviceName }) => ({ portId, deviceName }));
  const isLost = wasTakenDown(state) && !isSaved && parsed.marks.session !== '';
  const marks = isLost ? { ...parsed.marks, session: LOST_SESSION } : parsed.marks;
  const isHeldByDisk = state.state === domainState.paused && state.reason === pausedReason.ioError;
  return {
    id: domain.uuid,
    power: powerOf(state, isSaved),
    ...(isHeldByDisk ? { isHeldByDisk } : {}),
    marks,
    interfaces,
  };
}

/** Whether the domain has a process: running, paused, or on its way down. */
export async function isUp(client: LibvirtClient, domain: DomainRef, signal?: AbortSignal): Promise<boolean> {
  const { state } = await client.domainState(domain, signal === undefined ? {} : { signal });
  return state !== domainState.shutOff && state !== domainState.crashed;
}

function powerOf({ state, reason }: { readonly state: number; readonly reason: number }, isSaved: boolean): GuestPower {
  switch (state) {
    case domainState.paused:
      return 'paused';
    case domainState.shutOff:
      if (isSaved) return 'suspended';
      return reason === shutOffReason.crashed ? 'crashed' : 'stopped';
    case domainState.crashed:
      return 'crashed';
    default: // running, waiting, asleep by itself, or just shutting down
      return 'running';
  }
}

/** Whether libvirt itself ended the guest, such as when its daemon was killed while the guest was starting. */
function wasTakenDown({ state, reason }: { readonly state: number; readonly reason: number }): boolean {
  return state === domainState.shutOff && (reason === shutOffReason.daemon || reason === shutOffReason.failed);
}
