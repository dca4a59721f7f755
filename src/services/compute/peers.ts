/** What compute asks of the other services: they are called in process and in the caller's name. */
import type { Readable } from 'node:stream';
import type { RequestContext } from '#kernel/auth/context.ts';
import type { Db } from '#kernel/db/database.ts';
import type { AgentDirectory } from '#protocol/agent.ts';
import type { PlacementService } from '../placement/index.ts';
import type { AskedService } from './proxies/ask.ts';

/** What compute needs of placement: see `services/placement/index.ts`. */
export type ComputePlacement = Pick<
  PlacementService,
  'ensureProvider' | 'setInventories' | 'setTraits' | 'listCandidates' | 'claim' | 'release' | 'usageOf'
>;

/** An image as far as booting from it goes. */
export interface BootImage {
  readonly id: string;
  readonly name: string | null;
  readonly status: string;
  readonly diskFormat: string | null;
  readonly containerFormat: string | null;
  readonly sizeBytes: number | null;
  readonly virtualSizeBytes: number | null;
  /** Of its bytes; null while it has none. */
  readonly sha512: string | null;
  readonly minDiskGib: number;
  readonly minRamMib: number;
  readonly properties: Readonly<Record<string, string>>;
}

/** What compute needs of image. */
export interface ComputeImages extends AskedService {
  /** @throws {NotFound} or {Forbidden} in image's words. */
  getImageForBoot(ctx: RequestContext, id: string): Promise<BootImage>;
  /** Any image that the caller may see. @throws {NotFound} when there is none. */
  showImage(ctx: RequestContext, id: string): Promise<Pick<BootImage, 'id' | 'status'>>;
  /** Records an image that has no data yet. @throws in image's words; {TooLarge} beyond the quota. */
  createImage(ctx: RequestContext, attributes: Readonly<Record<string, unknown>>): Promise<{ readonly id: string }>;
  /** Gives an image its data, all or nothing. @throws {Gone} when it is deleted meanwhile. */
  uploadImageData(ctx: RequestContext, id: string, data: Readable): Promise<void>;
  /** @throws {NotFound} when there is none; {Forbidden} when it's protected. */
  deleteImage(ctx: RequestContext, id: string): Promise<void>;
  /** By the query of `GET /v2/images`. */
  listImages(ctx: RequestContext, query: URLSearchParams): Promise<readonly { readonly id: string }[]>;
}

/** One interface as a user asks for it. */
export interface RequestedNetwork {
  readonly networkId?: string | undefined;
  readonly portId?: string | undefined;
  readonly fixedIp?: string | undefined;
  readonly tag?: string | undefined;
}

/** One interface as network has found it to be possible: with a port of the user's, or with one to be made. */
export interface ServerNetwork {
  readonly networkId: string;
  readonly portId?: string | null | undefined;
  readonly fixedIp?: string | null | undefined;
  readonly tag?: string | null | undefined;
}

/** A port as a guest gets it. */
export interface ServerPort {
  readonly portId: string;
  readonly networkId: string;
  readonly networkName: string;
  readonly networkProjectId: string;
  readonly macAddress: string;
  readonly mtu: number;
  readonly deviceName: string;
  readonly fixedIps: readonly {
    readonly subnetId: string;
    readonly address: string;
    readonly ipVersion: 4 | 6;
    readonly cidr: string;
    readonly gateway: string | null;
    readonly dns: readonly string[];
    readonly routes: readonly { readonly destination: string; readonly nexthop: string }[];
    readonly isDhcp: boolean;
  }[];
  readonly floatingIps: readonly { readonly fixedAddress: string; readonly address: string }[];
  readonly securityGroups: readonly { readonly id: string; readonly name: string }[];
  readonly isUserPort: boolean;
  readonly status: string;
}

/** What compute needs of network. */
export interface ComputeNetworks extends AskedService {
  /**
   * Checks what a user asks for, as nova does: existence, access, ports in use, quota of ports.
   * @throws {BadRequest}, {Forbidden} or {Conflict} in nova's words.
   */
  resolveServerNetworks(
    ctx: RequestContext,
    requested: readonly RequestedNetwork[] | 'auto' | 'none',
    options: { readonly count: number },
  ): Promise<readonly ServerNetwork[]>;
  /** Ids of security groups given by name or id. @throws {BadRequest} when there is none or more than one. */
  findSecurityGroups(ctx: RequestContext, namesOrIds: readonly string[]): Promise<readonly string[]>;
  /**
   * Puts a security group onto a server's ports, or takes it off.
   * @throws {NotFound} when it has no ports, or none with the group to take off.
   */
  changeServerSecurityGroup(
    serverId: string,
    change: { readonly groupId: string; readonly how: 'add' | 'remove' },
  ): Promise<void>;
  /** Makes a port, or binds one that is there: repeating it changes nothing. */
  ensureServerPort(
    ctx: RequestContext,
    port: {
      readonly portId: string;
      readonly networkId: string;
      readonly fixedIp?: string | undefined;
      readonly securityGroupIds: readonly string[];
      readonly serverId: string;
      readonly hostId: string;
      readonly zone: string;
      readonly isUserPort: boolean;
    },
    tx?: Db,
  ): Promise<unknown>;
  /** Binds all of a server's ports to another host; null unbinds them, and keeps them. */
  bindServerPorts(serverId: string, hostId: string | null): Promise<void>;
  /** Deletes the ports that compute made for a server, or unbinds those that users gave; nothing when there are none. */
  releaseServerPorts(serverId: string, portIds?: readonly string[]): Promise<void>;
  listServerPorts(db: Db, serverIds: readonly string[]): Promise<ReadonlyMap<string, readonly ServerPort[]>>;
}

/** What compute needs of identity. */
export interface ComputeIdentity {
  projectExists(id: string): Promise<boolean>;
}

/** The other services that compute calls, in process and in the caller's name. */
export interface ComputePeers {
  readonly identity: ComputeIdentity;
  readonly placement: ComputePlacement;
  readonly image: ComputeImages;
  readonly network: ComputeNetworks;
  readonly agents: AgentDirectory;
}
