import type { RequestContext } from '#kernel/auth/context.ts';
import { toJson } from '#kernel/db/json.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { newHexId } from '#kernel/ids.ts';
import { deleteAssignmentsOfActor } from '../assignments/store.ts';
import type { IdentityDeps } from '../deps.ts';
import { domainForNew } from '../domain-of.ts';
import { notFound } from '../errors.ts';
import { checkUnmoved, extraOf, mergeExtra } from '../extra.ts';
import { getDomain } from '../projects/store.ts';
import { cut, limitOf, markerOf, type Query } from '../query.ts';
import { afterMarker, readFilters } from '../store/filters.ts';
import { findUser, getUser } from '../users/store.ts';
import { collection, type V3Url } from '../views.ts';
import type { GroupChange, NewGroup } from './schema.ts';
import {
  deleteGroup,
  deleteMember,
  findGroup,
  getGroup,
  insertGroup,
  insertMember,
  isMember,
  listGroupIdsOfUser,
  listGroups,
  updateGroup,
} from './store.ts';
import type { GroupRow } from './tables.ts';
import { showGroup } from './view.ts';

const COLUMNS = ['name', 'description', 'domain_id'];

/** The target of rules about a group, and a user in it. */
export async function groupTarget(
  deps: IdentityDeps,
  groupId: string | undefined,
  userId?: string,
): Promise<Record<string, unknown>> {
  const group = groupId === undefined ? undefined : await findGroup(deps.db, groupId);
  const user = userId === undefined ? undefined : await findUser(deps.db, userId);
  return {
    target: {
      ...(group === undefined ? {} : { group: { id: group.id, domain_id: group.domain_id } }),
      ...(user === undefined ? {} : { user: { id: user.id, domain_id: user.domain_id } }),
    },
  };
}

/** @throws {NotFound} `identity.group.not_found`. */
export function readGroup(deps: IdentityDeps, id: string): Promise<GroupRow> {
  return getGroup(deps.db, id);
}

/** @throws {NotFound} when the domain is not there; {Conflict} when the name is taken. */
export async function createGroup(deps: IdentityDeps, ctx: RequestContext, given: NewGroup): Promise<GroupRow> {
  const row: GroupRow = {
    id: newHexId(),
    domain_id: domainForNew(ctx, given.domain_id),
    name: given.name.trim(),
    description: given.description ?? '',
    extra: toJson(extraOf(given, COLUMNS)),
  };
  await inTransaction(deps.db, async (tx) => {
    await getDomain(tx, row.domain_id);
    await insertGroup(tx, row);
  });
  return row;
}

/** @throws {NotFound} `identity.group.not_found`; {Conflict} when the name is taken. */
export async function changeGroup(deps: IdentityDeps, id: string, given: GroupChange): Promise<GroupRow> {
  return inTransaction(deps.db, async (tx) => {
    const row = await getGroup(tx, id);
    checkUnmoved('group', row, given);
    const changed: GroupRow = {
      ...row,
      ...(given.name === undefined ? {} : { name: given.name.trim() }),
      ...(given.description === undefined ? {} : { description: given.description ?? '' }),
      extra: mergeExtra(row.extra, extraOf(given, COLUMNS)),
    };
    await updateGroup(tx, id, changed);
    return changed;
  });
}

/** @throws {NotFound} `identity.group.not_found`. */
export async function removeGroup(deps: IdentityDeps, id: string): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    await getGroup(tx, id);
    await deleteAssignmentsOfActor(tx, 'group', id);
    await deleteGroup(tx, id);
    await deps.forgetTokens(tx);
  });
}

/** @throws {NotFound} when the group or the user is not there. */
export async function addMember(deps: IdentityDeps, groupId: string, userId: string): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    await getGroup(tx, groupId);
    await getUser(tx, userId);
    await insertMember(tx, groupId, userId);
    await deps.forgetTokens(tx);
  });
}

/** @throws {NotFound} when the group, the user, or the user in it is not there. */
export async function removeMember(deps: IdentityDeps, groupId: string, userId: string): Promise<void> {
  await checkMember(deps, groupId, userId);
  await inTransaction(deps.db, async (tx) => {
    await deleteMember(tx, groupId, userId);
    await deps.forgetTokens(tx);
  });
}

/** @throws {NotFound} when the group, the user, or the user in it is not there. */
export async function checkMember(deps: IdentityDeps, groupId: string, userId: string): Promise<void> {
  await getGroup(deps.db, groupId);
  await getUser(deps.db, userId);
  if (!(await isMember(deps.db, groupId, userId))) throw notFound('user', userId);
}

/** The body of a list of groups that the caller's domain, if it is of one, allows. */
export async function readGroups(
  deps: IdentityDeps,
  ctx: RequestContext,
  query: Query,
  v3Url: V3Url,
): Promise<Record<string, unknown>> {
  const limit = limitOf(query, deps.config.listLimit);
  const filters = [
    ...readFilters(query, ['domain_id', 'name']),
    ...afterMarker(await markerOf(query, (id) => findGroup(deps.db, id))),
  ];
  const found = await listGroups(deps.db, { filters, domainId: ctx.domainId ?? undefined, limit });
  const { rows, isTruncated } = cut(found, limit);
  const shown = rows.map((row) => showGroup(row, v3Url));
  return collection(v3Url, 'groups', 'groups', shown, isTruncated, query);
}

/** @throws {NotFound} `identity.user.not_found`. */
export async function readGroupsOfUser(
  deps: IdentityDeps,
  ctx: RequestContext,
  userId: string,
  query: Query,
  v3Url: V3Url,
): Promise<Record<string, unknown>> {
  await getUser(deps.db, userId);
  const ids = await listGroupIdsOfUser(deps.db, userId);
  const limit = deps.config.listLimit;
  const domainId = ctx.domainId ?? undefined;
  const rows = await listGroups(deps.db, { filters: readFilters(query, ['name']), ids, domainId, limit });
  const shown = rows.map((row) => ({ ...showGroup(row, v3Url), membership_expires_at: null }));
  return collection(v3Url, `users/${userId}/groups`, 'groups', shown);
}
