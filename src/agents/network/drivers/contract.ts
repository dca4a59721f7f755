/**
 * What a network driver is.
 *
 * A driver works in two halves. Its design is pure: what is desired becomes a set of resources, each with a fingerprint
 * that tells its whole content. Its observation gives the same kind of set for what is really there, with fingerprints
 * taken from the host itself. The two are compared by key and fingerprint, and each difference is one change.
 */
import type { NetworkFacts } from '#protocol/hosts.ts';
import type { DesiredNetworks } from '#protocol/networks.ts';

export type ResourceKind = 'firewall' | 'provider' | 'network' | 'port' | 'dhcp' | 'router' | 'metadata';

export interface Resource {
  /** `<kind>:<id>`; unique. */
  readonly key: string;
  readonly kind: ResourceKind;
  readonly id: string;
  /** Equal fingerprints mean that nothing needs to be done. Readable, for the log. */
  readonly fingerprint: string;
}

/** A resource as it should be, with what the driver needs to make it so. */
export interface DesignedResource extends Resource {
  readonly spec: unknown;
}

/** Why something cannot be made, or only in part. It stops nothing else. */
export interface DesignProblem {
  readonly kind: 'network' | 'port' | 'router';
  readonly id: string;
  readonly code: string;
  readonly message: string;
}

export interface Design {
  readonly resources: ReadonlyMap<string, DesignedResource>;
  readonly problems: readonly DesignProblem[];
}

/** What is on the host and ours, by key, told in the words of a design. */
export type Observed = ReadonlyMap<string, Resource>;

/** All that a driver read from its host at one moment; only the driver looks inside. */
export interface Snapshot {
  readonly takenBy: string;
}

export type Change =
  | { readonly action: 'ensure'; readonly resource: DesignedResource }
  | { readonly action: 'remove'; readonly resource: Resource };

export interface NetworkDriver {
  /** What the host can do, found by trying. */
  readonly facts: NetworkFacts;
  /** Pure. */
  design(desired: DesiredNetworks): Design;
  /** Reads what is there; changes nothing. @throws when the host cannot be read. */
  observe(signal: AbortSignal): Promise<Snapshot>;
  /** Pure. Tells a snapshot in the words of a design: equal fingerprints mean that nothing has to be done. */
  compare(design: Design, snapshot: Snapshot): Observed;
  /**
   * Makes one change; repeating it is harmless. Changes that are handed over in the same turn of the event loop are
   * carried out together, and still fail one by one.
   * @throws {NetworkError}
   */
  apply(change: Change, signal: AbortSignal): Promise<void>;
  /** Removes everything of this cloud from the host. */
  purge(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** The answer of the metadata service to one guest. */
export interface MetadataAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string | Buffer;
}

/**
 * Answers a guest's question to 169.254.169.254. Who asks is told by the network it came from and its address there,
 * which the host has checked; headers are never looked at.
 */
export type AnswerMetadata = (networkId: string, sourceAddress: string, path: string) => Promise<MetadataAnswer>;

/** Something about a host's networks that did not work. */
export class NetworkError extends Error {
  /** Stable and dotted, such as `network.link.failed`. */
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'NetworkError';
    this.code = code;
  }
}

/** The key of a resource. */
export function resourceKey(kind: ResourceKind, id: string): string {
  return `${kind}:${id}`;
}
