import type { RequestContext } from '#kernel/auth/context.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { BadRequest, OverLimit } from '#kernel/errors.ts';
import type { ComputeDeps } from '../deps.ts';
import { limitOf } from '../paging.ts';
import { limitsOf } from '../quotas/check.ts';
import { UNLIMITED } from '../quotas/resources.ts';
import { lockQuota } from '../quotas/store.ts';
import { generateCertificate } from './certificates.ts';
import { certificateFingerprint, generateSshKey, sshFingerprint } from './keys.ts';
import type { KeyPairListQuery, KeyPairWanted } from './schema.ts';
import {
  countKeyPairs,
  deleteKeyPair,
  findKeyPair,
  getKeyPair,
  insertKeyPair,
  type KeyPair,
  listKeyPairs,
} from './store.ts';

type Deps = Pick<ComputeDeps, 'db' | 'policy' | 'clock'>;

/** Whose key pairs a request is about: the caller's unless it names another user, which the policy must allow. */
function userOf({ policy }: Deps, ctx: RequestContext, verb: string, named: string | undefined): string {
  const userId = named === undefined || named === '' ? ctx.userId : named;
  policy.enforce(ctx, `os_compute_api:os-keypairs:${verb}`, { user_id: userId });
  return userId;
}

export interface CreatedKeyPair {
  readonly pair: KeyPair;
  /** The private key, which is shown once and kept nowhere; undefined for an imported key. */
  readonly privateKey: string | undefined;
}

/**
 * Imports a key, or makes one where none is given.
 * @throws {BadRequest} `compute.key_pair.invalid`; {Conflict} `compute.key_pair.exists`; {OverLimit} `compute.quota.key_pairs`
 */
export async function createKeyPair(deps: Deps, ctx: RequestContext, wanted: KeyPairWanted): Promise<CreatedKeyPair> {
  const userId = userOf(deps, ctx, 'create', wanted.user_id);
  const name = wanted.name.trim();
  const type = wanted.type ?? 'ssh';
  const { publicKey, fingerprint, privateKey } = await keyOf(type, wanted.public_key, {
    userId,
    now: deps.clock.now(),
  });
  const pair = await inTransaction(deps.db, async (tx) => {
    await lockQuota(tx, `user:${userId}`);
    const { key_pairs: limit } = await limitsOf(tx, ctx.projectId ?? '', userId);
    if (limit !== UNLIMITED && (await countKeyPairs(tx, userId)) >= limit)
      throw new OverLimit('compute.quota.key_pairs', 'Quota exceeded, too many key pairs.');
    const createdAt = deps.clock.now().getTime();
    await insertKeyPair(tx, {
      user_id: userId,
      name,
      type,
      fingerprint,
      public_key: publicKey,
      created_at: createdAt,
    });
    return getKeyPair(tx, userId, name);
  });
  return { pair, privateKey };
}

async function keyOf(
  type: 'ssh' | 'x509',
  given: string | undefined,
  owner: { readonly userId: string; readonly now: Date },
): Promise<{ publicKey: string; fingerprint: string; privateKey: string | undefined }> {
  if (given === undefined) return type === 'ssh' ? generateSshKey() : generateCertificate(owner.userId, owner.now);
  const fingerprint = type === 'ssh' ? sshFingerprint(given) : certificateFingerprint(given);
  return { publicKey: given, fingerprint, privateKey: undefined };
}

/** @throws {NotFound} `compute.key_pair.absent` */
export function showKeyPair(
  deps: Deps,
  ctx: RequestContext,
  name: string,
  userId: string | undefined,
): Promise<KeyPair> {
  return getKeyPair(deps.db, userOf(deps, ctx, 'show', userId), name);
}

/** @throws {BadRequest} `compute.marker` */
export async function findKeyPairs(deps: Deps, ctx: RequestContext, query: KeyPairListQuery): Promise<KeyPair[]> {
  const userId = userOf(deps, ctx, 'index', query.user_id);
  const { marker } = query;
  if (marker !== undefined && (await findKeyPair(deps.db, userId, marker)) === undefined)
    throw new BadRequest('compute.marker', `Marker ${marker.slice(0, 255)} could not be found.`);
  return listKeyPairs(deps.db, userId, { marker, limit: limitOf(query) });
}

/** Servers that were made with it keep it. @throws {NotFound} `compute.key_pair.absent` */
export async function removeKeyPair(
  deps: Deps,
  ctx: RequestContext,
  name: string,
  userId: string | undefined,
): Promise<void> {
  await deleteKeyPair(deps.db, userOf(deps, ctx, 'delete', userId), name);
}
