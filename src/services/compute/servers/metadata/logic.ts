import type { RequestContext } from '#kernel/auth/context.ts';
import { fromJson, toJson } from '#kernel/db/json.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { NotFound } from '#kernel/errors.ts';
import type { ComputeDeps } from '../../deps.ts';
import { requireMetadataFit } from '../../quotas/check.ts';
import { openServer, requireUnlocked, requireVisible } from '../access.ts';
import { refreshGuest } from '../guests/refresh.ts';
import { requireState } from '../states.ts';
import { getServer, updateServer } from '../store.ts';

type Metadata = Readonly<Record<string, string>>;

/** @throws {NotFound} `compute.server.absent`; {Forbidden} by policy. */
export async function showMetadata(
  deps: ComputeDeps,
  ctx: RequestContext,
  id: string,
  rule: 'index' | 'show',
): Promise<Metadata> {
  return fromJson((await openServer(deps, ctx, id, `os_compute_api:server-metadata:${rule}`)).metadata);
}

/** @throws {NotFound} `compute.server.metadata_absent`. */
export function itemOf(metadata: Metadata, key: string): string {
  const value = Object.hasOwn(metadata, key) ? metadata[key] : undefined;
  if (value === undefined) throw new NotFound('compute.server.metadata_absent', 'Metadata item was not found');
  return value;
}

/**
 * Changes a server's metadata, and tells its guest.
 * @throws {OverLimit} `compute.quota.metadata_items`; {Conflict} `compute.server.wrong_state`, `compute.server.locked`.
 */
export async function changeMetadata(
  deps: ComputeDeps,
  ctx: RequestContext,
  id: string,
  how: {
    readonly rule: 'create' | 'update' | 'update_all' | 'delete';
    /** Nova's name for it in its refusals. */
    readonly word: string;
    change(before: Metadata): Metadata;
  },
): Promise<Metadata> {
  return inTransaction(deps.db, async (tx) => {
    const server = await getServer(tx, id);
    requireVisible(deps, ctx, server);
    deps.policy.enforce(ctx, `os_compute_api:server-metadata:${how.rule}`, {
      project_id: server.project_id,
      user_id: server.user_id,
    });
    requireUnlocked(deps, ctx, server);
    const after = how.change(fromJson(server.metadata));
    requireState(server, 'metadata', how.word);
    await requireMetadataFit(tx, server.project_id, after);
    await updateServer(tx, id, { metadata: toJson(after), updated_at: deps.clock.now().getTime() });
    await refreshGuest(deps, tx, id);
    return after;
  });
}
