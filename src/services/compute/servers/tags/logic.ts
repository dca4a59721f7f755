import type { RequestContext } from '#kernel/auth/context.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { BadRequest, Conflict, NotFound } from '#kernel/errors.ts';
import type { ComputeDeps } from '../../deps.ts';
import { openServer, requireVisible } from '../access.ts';
import { MAX_TAGS } from '../schema.ts';
import { deleteTags, getServer, insertTags, listTags, type Server, updateServer } from '../store.ts';

/** Tags in their order. @throws {NotFound} `compute.server.absent`; {Forbidden} by policy. */
export async function listServerTags(
  deps: ComputeDeps,
  ctx: RequestContext,
  id: string,
  rule: 'index' | 'show',
): Promise<string[]> {
  await openServer(deps, ctx, id, `os_compute_api:os-server-tags:${rule}`);
  return listTags(deps.db, id);
}

export async function replaceTags(
  deps: ComputeDeps,
  ctx: RequestContext,
  id: string,
  tags: readonly string[],
): Promise<string[]> {
  const wanted = [...new Set(tags)];
  return change(deps, ctx, { id, rule: 'update_all' }, async (tx) => {
    await deleteTags(tx, id);
    await insertTags(tx, id, wanted);
    return wanted.toSorted();
  });
}

/** @returns whether it is new. @throws {BadRequest} `compute.server.too_many_tags`. */
export async function addTag(deps: ComputeDeps, ctx: RequestContext, id: string, tag: string): Promise<boolean> {
  return change(deps, ctx, { id, rule: 'update' }, async (tx) => {
    const tags = await listTags(tx, id);
    if (tags.includes(tag)) return false;
    if (tags.length >= MAX_TAGS)
      throw new BadRequest(
        'compute.server.too_many_tags',
        `The number of tags exceeded the per-server limit ${MAX_TAGS}`,
      );
    await insertTags(tx, id, [tag]);
    return true;
  });
}

/** @param tag Undefined for all. @throws {NotFound} `compute.server.tag_absent`. */
export async function removeTags(
  deps: ComputeDeps,
  ctx: RequestContext,
  id: string,
  tag: string | undefined,
): Promise<void> {
  await change(deps, ctx, { id, rule: tag === undefined ? 'delete_all' : 'delete' }, async (tx) => {
    if (tag !== undefined && !(await listTags(tx, id)).includes(tag))
      throw new NotFound('compute.server.tag_absent', `Server ${id} has no tag '${tag.slice(0, 60)}'`);
    await deleteTags(tx, id, tag === undefined ? undefined : [tag]);
  });
}

/** @see nova/api/openstack/compute/server_tags.py, _check_instance_in_valid_state */
function requireTaggable(server: Server, word: string): void {
  const allowed = ['active', 'paused', 'suspended', 'stopped'];
  if (!allowed.includes(server.vm_state))
    throw new Conflict(
      'compute.server.wrong_state',
      `Cannot '${word}' instance ${server.id} while it is in vm_state ${server.vm_state}`,
    );
}

async function change<Result>(
  deps: ComputeDeps,
  ctx: RequestContext,
  what: { readonly id: string; readonly rule: 'update' | 'update_all' | 'delete' | 'delete_all' },
  work: (tx: ComputeDeps['db']) => Promise<Result>,
): Promise<Result> {
  const words = { update: 'update tag', update_all: 'update tags', delete: 'delete tag', delete_all: 'delete tags' };
  return inTransaction(deps.db, async (tx) => {
    const server = await getServer(tx, what.id);
    requireVisible(deps, ctx, server);
    const target = { project_id: server.project_id, user_id: server.user_id };
    deps.policy.enforce(ctx, `os_compute_api:os-server-tags:${what.rule}`, target);
    requireTaggable(server, words[what.rule]);
    const result = await work(tx);
    await updateServer(tx, what.id, { updated_at: deps.clock.now().getTime() });
    return result;
  });
}
