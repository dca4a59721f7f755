import type { Duplex } from 'node:stream';

/**
 * What a controller may ask of an agent: only what is momentary. Whatever must stay true travels as desired state.
 *
 * @throws {NotFound} `agent.guest.absent` when the guest is not on this host.
 */
export interface AgentApi {
  /** The serial console's text, its last `maxBytes`. */
  consoleOutput(guestId: string, maxBytes: number): Promise<Buffer>;
  /** A byte stream to the guest's VNC server. */
  openVnc(guestId: string): Promise<Duplex>;
  /** CPU, memory, disk and network counters as nova's diagnostics give them. */
  diagnostics(guestId: string): Promise<GuestDiagnostics>;
  /** Has the agent inside the guest set a user's password. */
  setPassword(guestId: string, user: string, password: string): Promise<PasswordOutcome>;
}

/** What came of asking the agent inside a guest: it may not be there, not answer, or refuse with a reason. */
export type PasswordOutcome =
  | { readonly kind: 'set' | 'no agent' | 'silent' }
  | { readonly kind: 'refused'; readonly reason: string };

export interface GuestDiagnostics {
  readonly uptimeSeconds: number;
  readonly memoryMib: number;
  readonly usedMemoryMib: number | null;
  readonly cpus: readonly { readonly timeNs: number; readonly utilisationPercent: number | null }[];
  readonly nics: readonly {
    readonly macAddress: string;
    readonly rxBytes: number;
    readonly rxPackets: number;
    readonly rxErrors: number;
    readonly rxDrops: number;
    readonly txBytes: number;
    readonly txPackets: number;
    readonly txErrors: number;
    readonly txDrops: number;
  }[];
  readonly disks: readonly {
    readonly readBytes: number;
    readonly readRequests: number;
    readonly writeBytes: number;
    readonly writeRequests: number;
    readonly errors: number;
  }[];
}

/** Finds the agent of a host: in process with `--fake`, by socket otherwise. */
export interface AgentDirectory {
  /** @throws {ServiceUnavailable} `agent.unreachable` when the host is not connected. */
  agentOf(hostId: string): AgentApi;
}
