import type { Db } from '#kernel/db/database.ts';
import { rolesOn } from '../assignments/effective.ts';
import type { IdentityDeps } from '../deps.ts';
import { missing, unauthorized } from '../errors.ts';
import { listGroupIdsOfUser } from '../groups/store.ts';
import { findDomain, findProject, findProjectByName } from '../projects/store.ts';
import type { ProjectRow } from '../projects/tables.ts';
import type { IdentityTables } from '../tables.ts';
import { findUser } from '../users/store.ts';
import { getNamedDomain } from './methods/users.ts';
import type { AuthRequest, AuthScope } from './schema.ts';

/** Where a token is to be good. */
export interface TokenScope {
  readonly isSystem: boolean;
  readonly projectId: string | null;
  readonly domainId: string | null;
  readonly trustId: string | null;
  /** The caller wants no scope, not even that of the default project. */
  readonly isExplicitlyUnscoped: boolean;
}

const NONE: TokenScope = {
  isSystem: false,
  projectId: null,
  domainId: null,
  trustId: null,
  isExplicitlyUnscoped: false,
};

export function isScopeObject(scope: AuthRequest['scope']): scope is AuthScope {
  return typeof scope === 'object';
}

/**
 * The scope that a request asks for.
 * @throws {BadRequest} for none of the kinds or more than one; {Unauthorized} when what it names is not there or disabled.
 */
export async function readScope(deps: IdentityDeps, scope: AuthRequest['scope']): Promise<TokenScope> {
  if (scope === undefined) return NONE;
  if (!isScopeObject(scope)) {
    if (scope === 'unscoped') return { ...NONE, isExplicitlyUnscoped: true };
    throw missing('system, project, domain, OS-TRUST:trust or unscoped', 'scope');
  }
  const kinds = ['project', 'domain', 'unscoped', 'system', 'OS-TRUST:trust'].filter((kind) => kind in scope);
  if (kinds.length !== 1) throw missing('system, project, domain, OS-TRUST:trust or unscoped', 'scope');
  if (scope.project !== undefined) return { ...NONE, projectId: (await namedProject(deps, scope.project)).id };
  if (scope.domain !== undefined) return { ...NONE, domainId: (await getNamedDomain(deps, scope.domain)).id };
  if (scope.system !== undefined) return { ...NONE, isSystem: true };
  const trust = scope['OS-TRUST:trust'];
  if (trust === undefined) return { ...NONE, isExplicitlyUnscoped: true };
  if (trust.id === undefined || trust.id === '') throw missing('trust_id', 'trust');
  return { ...NONE, trustId: trust.id };
}

/** The user's default project, if it is there and the user has a role on it. */
export async function defaultScope(db: Db<IdentityTables>, userId: string): Promise<TokenScope> {
  const user = await findUser(db, userId);
  const id = user?.default_project_id ?? null;
  const project = id === null ? undefined : await findProject(db, id);
  if (project === undefined || project.enabled === 0) return NONE;
  const domain = project.is_domain === 1 ? project : await findDomain(db, project.domain_id);
  if (domain === undefined || domain.enabled === 0) return NONE;
  const actors = { userId, groupIds: await listGroupIdsOfUser(db, userId) };
  const roles = await rolesOn(db, actors, { kind: 'project', project });
  return roles.length === 0 ? NONE : { ...NONE, projectId: project.id };
}

async function namedProject(deps: IdentityDeps, named: NonNullable<AuthScope['project']>): Promise<ProjectRow> {
  const project = await lookUp(deps, named);
  if (project === undefined || project.enabled === 0) throw unauthorized('project');
  return project;
}

async function lookUp(deps: IdentityDeps, named: NonNullable<AuthScope['project']>): Promise<ProjectRow | undefined> {
  if (named.name === undefined || named.name === '') {
    if (named.id === undefined || named.id === '') throw missing('id or name', 'project');
    return findProject(deps.db, named.id);
  }
  if (named.domain === undefined) throw missing('domain', 'project');
  const domain = await getNamedDomain(deps, named.domain);
  return findProjectByName(deps.db, domain.id, named.name);
}
