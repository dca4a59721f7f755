import type { RequestContext } from '#kernel/auth/context.ts';
import { projectsOf } from '../assignments/effective.ts';
import type { IdentityDeps } from '../deps.ts';
import { badRequest } from '../errors.ts';
import { listGroupIdsOfUser, listUserIdsOfGroup } from '../groups/store.ts';
import type { GroupRow } from '../groups/tables.ts';
import { showProjects } from '../projects/list.ts';
import { cut, limitOf, markerOf, type Query } from '../query.ts';
import { afterMarker, readFilters } from '../store/filters.ts';
import { parseTime } from '../time.ts';
import { collection, type V3Url } from '../views.ts';
import { idsByLinks, readLinks } from './federated.ts';
import { findPassword, findUser, getUser, listUsers, type UserQuery } from './store.ts';
import type { UserRow } from './tables.ts';
import { showUser } from './view.ts';

const FILTERS = ['domain_id', 'enabled', 'name'];

/** The body of a list of users that the caller's domain, if it is of one, allows. */
export async function readUsers(
  deps: IdentityDeps,
  ctx: RequestContext,
  query: Query,
  v3Url: V3Url,
): Promise<Record<string, unknown>> {
  const limit = limitOf(query, deps.config.listLimit);
  const found = await listUsers(deps.db, {
    filters: [...readFilters(query, FILTERS), ...afterMarker(await markerOf(query, (id) => findUser(deps.db, id)))],
    domainId: ctx.domainId ?? undefined,
    passwordEnds: readPasswordEnds(query['password_expires_at']),
    ids: await idsByLinks(deps.db, query, limit),
    limit,
  });
  const { rows, isTruncated } = cut(found, limit);
  const shown = rows.map((row) => showUser(row, row.password_expires_at, v3Url));
  return collection(v3Url, 'users', 'users', shown, isTruncated, query);
}

export async function readUsersOfGroup(
  deps: IdentityDeps,
  ctx: RequestContext,
  group: GroupRow,
  query: Query,
  v3Url: V3Url,
): Promise<Record<string, unknown>> {
  const limit = limitOf(query, deps.config.listLimit);
  const found = await listUsers(deps.db, {
    filters: readFilters(query, FILTERS),
    domainId: ctx.domainId ?? undefined,
    passwordEnds: readPasswordEnds(query['password_expires_at']),
    ids: await listUserIdsOfGroup(deps.db, group.id),
    limit,
  });
  const { rows, isTruncated } = cut(found, limit);
  const shown = rows.map((row) => showUser(row, row.password_expires_at, v3Url));
  return collection(v3Url, `groups/${group.id}/users`, 'users', shown, isTruncated);
}

/** @throws {NotFound} `identity.user.not_found`. */
export async function readUser(deps: IdentityDeps, id: string, v3Url: V3Url): Promise<Record<string, unknown>> {
  return showOneUser(deps, await getUser(deps.db, id), v3Url);
}

export async function showOneUser(deps: IdentityDeps, row: UserRow, v3Url: V3Url): Promise<Record<string, unknown>> {
  const password = await findPassword(deps.db, row.id);
  return { ...showUser(row, password?.expires_at ?? null, v3Url), ...(await readLinks(deps.db, row.id)) };
}

/** Projects that a user has a role on. @throws {NotFound} `identity.user.not_found`. */
export async function readProjectsOfUser(
  deps: IdentityDeps,
  userId: string,
  query: Query,
  v3Url: V3Url,
): Promise<Record<string, unknown>> {
  await getUser(deps.db, userId);
  const groupIds = await listGroupIdsOfUser(deps.db, userId);
  const rows = (await projectsOf(deps.db, { userId, groupIds })).filter(
    (row) =>
      (query['name'] === undefined || row.name === query['name']) &&
      (query['domain_id'] === undefined || row.domain_id === query['domain_id']) &&
      (query['enabled'] === undefined ||
        (row.enabled === 1) === !['0', 'false'].includes(query['enabled'].toLowerCase())),
  );
  return collection(v3Url, `users/${userId}/projects`, 'projects', await showProjects(deps, rows, v3Url));
}

const OPERATORS = { lt: '<', lte: '<=', eq: '=', neq: '!=', gte: '>=', gt: '>' } as const;

/** `lt:2026-01-02T03:04:05Z`, or a time alone. */
function readPasswordEnds(text: string | undefined): UserQuery['passwordEnds'] {
  if (text === undefined) return undefined;
  const [, name = 'eq', time = ''] = /^(?:([a-z]{2,3}):)?(.*)$/s.exec(text) ?? [];
  if (!Object.hasOwn(OPERATORS, name))
    throw badRequest(
      'input.operator',
      `The given operator ${name} is not valid. It must be one of the following: 'eq', 'neq', 'lt', 'lte', 'gt', or 'gte'.`,
    );
  const at = parseTime(time);
  if (at === undefined)
    throw badRequest(
      'input.time',
      'Timestamp not in expected format. The server could not comply with the request since it is either malformed or otherwise incorrect. The client is assumed to be in error.',
    );
  return { operator: OPERATORS[name as keyof typeof OPERATORS], at };
}
