import type { Db } from '#kernel/db/database.ts';
import { TooLarge } from '#kernel/errors.ts';
import type { ProjectId } from '#kernel/ids.ts';
import { measureUsage } from '../images/store.ts';
import type { ImageTables } from '../images/tables.ts';

/** What a project's use of images is counted in: the real service's names in identity's unified limits. */
export const QUOTA_RESOURCES = [
  'image_size_total',
  'image_stage_total',
  'image_count_total',
  'image_count_uploading',
] as const;
export type QuotaResource = (typeof QUOTA_RESOURCES)[number];

/** A project's limit; undefined or below zero where there is none. Sizes are in MiB. */
export type LimitOf = (projectId: ProjectId, resource: QuotaResource) => Promise<number | undefined>;

export interface QuotaDeps {
  readonly db: Db<ImageTables>;
  readonly limitOf: LimitOf;
}

const MIB = 1024 * 1024;

/** A limit that was looked up, to be held against what the project has at a later moment, inside a transaction. */
export interface Quota {
  /** @throws {TooLarge} `image.quota` when what there is and `delta` are over the limit. */
  enforce(tx: Db<ImageTables>, delta: number): Promise<void>;
  /** For sizes: how many bytes may still be added; Infinity without a limit. */
  remainingBytes(db: Db<ImageTables>): Promise<number>;
  /**
   * The same with twice the limit. In the real service an upload that does not say how long it is may pass the limit once, by
   * any length, and its clients' tests rely on it; here by no more than the limit itself.
   */
  readonly forUnknownLength: Quota;
}

/**
 * Looks a project's limit up.
 * @see glance/quota/keystone.py
 */
export async function findQuota(deps: QuotaDeps, projectId: ProjectId | null, resource: QuotaResource): Promise<Quota> {
  const limit = projectId === null ? undefined : await findLimit(deps, projectId, resource);
  return projectId === null || limit === undefined ? UNLIMITED : createQuota(projectId, resource, limit);
}

const UNLIMITED: Quota = {
  enforce: async () => undefined,
  remainingBytes: async () => Number.POSITIVE_INFINITY,
  get forUnknownLength() {
    return this;
  },
};

function createQuota(projectId: ProjectId, resource: QuotaResource, limit: number): Quota {
  const usedIn = async (db: Db<ImageTables>): Promise<number> => (await usageOf(db, projectId))[resource];
  return {
    async enforce(tx, delta) {
      const used = await usedIn(tx);
      if (used + delta > limit) throw overLimit(projectId, resource, { limit, used, delta });
    },
    remainingBytes: async (db) => Math.max(limit - (await usedIn(db)), 0) * MIB,
    get forUnknownLength() {
      return createQuota(projectId, resource, limit * 2);
    },
  };
}

function overLimit(
  projectId: ProjectId,
  resource: QuotaResource,
  { limit, used, delta }: { readonly limit: number; readonly used: number; readonly delta: number },
): TooLarge {
  const what = `Resource ${resource} is over limit of ${limit} due to current usage ${used} and delta ${delta}`;
  return new TooLarge(
    'image.quota',
    `The request returned a 413 Request Entity Too Large. This generally means that rate limiting or a quota threshold was breached.\n\nThe response body:\nProject ${projectId} is over a limit for [${what}]`,
  );
}

/** Whole MiB, as limits are counted. */
export function mibOf(bytes: number): number {
  return Math.floor(bytes / MIB);
}

/** What `GET /v2/info/usage` tells: each resource that has a limit, and how much of it is used. */
export async function showUsage(
  deps: QuotaDeps,
  projectId: ProjectId | null,
): Promise<Record<string, { usage: number; limit: number }>> {
  if (projectId === null) return {};
  const used = await usageOf(deps.db, projectId);
  const usage: Record<string, { usage: number; limit: number }> = {};
  for (const resource of QUOTA_RESOURCES) {
    const limit = await findLimit(deps, projectId, resource);
    if (limit !== undefined) usage[resource] = { usage: used[resource], limit };
  }
  return usage;
}

async function findLimit(
  { limitOf }: QuotaDeps,
  projectId: ProjectId,
  resource: QuotaResource,
): Promise<number | undefined> {
  const limit = await limitOf(projectId, resource);
  return limit === undefined || limit < 0 ? undefined : limit;
}

async function usageOf(db: Db<ImageTables>, projectId: ProjectId): Promise<Record<QuotaResource, number>> {
  const { bytes, stagedBytes, count, uploading } = await measureUsage(db, projectId);
  return {
    image_size_total: mibOf(bytes),
    image_stage_total: mibOf(stagedBytes),
    image_count_total: count,
    image_count_uploading: uploading,
  };
}
