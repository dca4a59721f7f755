import type { Db } from '#kernel/db/database.ts';
import type { EpochMs } from '#kernel/db/json.ts';
import { rolesOn } from '../assignments/effective.ts';
import { type IdentityDeps, nowMs } from '../deps.ts';
import { listGroupIdsOfUser } from '../groups/store.ts';
import { findDomain, findProject, listAncestors } from '../projects/store.ts';
import type { ProjectRow } from '../projects/tables.ts';
import { isRevoked } from '../revocations/store.ts';
import type { RoleRow } from '../roles/tables.ts';
import type { IdentityTables } from '../tables.ts';
import { findPassword, findUser } from '../users/store.ts';
import type { UserRow } from '../users/tables.ts';
import type { TokenClaims } from './codec.ts';

/** A token that holds: what it claims, and all that its claims name, as it is now. */
export interface Token {
  readonly id: string;
  readonly claims: TokenClaims;
  /** Whom it speaks for: the trustor, where a trust lets its trustee impersonate. */
  readonly user: UserRow;
  readonly userDomain: ProjectRow;
  readonly passwordExpiresAt: EpochMs | null;
  readonly project: ProjectRow | null;
  /** The project's domain; the project itself where it acts as one. */
  readonly projectDomain: ProjectRow | null;
  readonly domain: ProjectRow | null;
  /** In the order of their ids; none without a scope. */
  readonly roles: readonly RoleRow[];
}

/** Why a token does not hold: for the log, never for the caller. */
export class VoidToken extends Error {}

/**
 * Looks up all that a token names.
 * @throws {VoidToken} when something is gone, disabled, or no role is left on the scope.
 */
export async function resolveToken(deps: IdentityDeps, id: string, claims: TokenClaims): Promise<Token> {
  const { db } = deps;
  const user = await findUser(db, claims.userId);
  if (user === undefined) throw new VoidToken('the user is gone');
  if (user.enabled === 0) throw new VoidToken('the user is disabled');
  const userDomain = await enabledDomain(db, user.domain_id);
  const project = claims.projectId === null ? null : await enabledProject(db, claims.projectId);
  const projectDomain = project === null ? null : await enabledDomain(db, domainIdOf(project));
  const domain = claims.domainId === null ? null : await enabledDomain(db, claims.domainId);
  const password = await findPassword(db, user.id);
  const token: Token = {
    id,
    claims,
    user,
    userDomain,
    passwordExpiresAt: password?.expires_at ?? null,
    project,
    projectDomain,
    domain,
    roles: [],
  };
  const roles = await rolesOf(db, token);
  if (isScoped(claims) && roles.length === 0) throw new VoidToken('no role is left on the scope');
  return { ...token, roles };
}

/** The token behind its text, if it is whole, alive and not taken back; why not is not told. */
export async function readToken(deps: IdentityDeps, id: string): Promise<Token | undefined> {
  const claims = deps.tokens.decode(id);
  if (claims === undefined) return undefined;
  if (claims.expiresAt + deps.config.allowExpiredWindowMs <= nowMs(deps)) return undefined;
  try {
    const token = await resolveToken(deps, id, claims);
    return (await isTakenBack(deps, token)) ? undefined : token;
  } catch (error) {
    if (error instanceof VoidToken) return undefined;
    throw error;
  }
}

export function isScoped(claims: TokenClaims): boolean {
  return claims.isSystem || claims.projectId !== null || claims.domainId !== null;
}

function isTakenBack(deps: IdentityDeps, { claims, user, userDomain, projectDomain, domain }: Token): Promise<boolean> {
  const domainIds = [userDomain, projectDomain, domain].flatMap((row) => (row === null ? [] : [row.id]));
  return isRevoked(deps.db, {
    issuedAt: claims.issuedAt,
    auditId: claims.auditIds[0] ?? '',
    auditChainId: claims.auditIds.at(-1) ?? '',
    userIds: [user.id, claims.userId],
    projectId: claims.projectId,
    domainIds,
    trustId: claims.trustId,
    accessTokenId: claims.accessTokenId,
    consumerId: null,
  });
}

async function rolesOf(db: Db<IdentityTables>, { claims, project }: Token): Promise<RoleRow[]> {
  if (!isScoped(claims)) return [];
  const groupIds = [...(await listGroupIdsOfUser(db, claims.userId)), ...(claims.federation?.groupIds ?? [])];
  const actors = { userId: claims.userId, groupIds };
  if (claims.isSystem) return rolesOn(db, actors, { kind: 'system' });
  if (claims.domainId !== null) return rolesOn(db, actors, { kind: 'domain', domainId: claims.domainId });
  return project === null ? [] : rolesOn(db, actors, { kind: 'project', project });
}

/** A project counts as disabled with any project above it. */
async function enabledProject(db: Db<IdentityTables>, id: string): Promise<ProjectRow> {
  const project = await findProject(db, id);
  if (project === undefined) throw new VoidToken('the project is gone');
  const line = [project, ...(await listAncestors(db, project))];
  if (line.some((row) => row.enabled === 0)) throw new VoidToken('the project is disabled');
  return project;
}

async function enabledDomain(db: Db<IdentityTables>, id: string): Promise<ProjectRow> {
  const domain = await findDomain(db, id);
  if (domain === undefined) throw new VoidToken('the domain is gone');
  if (domain.enabled === 0) throw new VoidToken('the domain is disabled');
  return domain;
}

function domainIdOf(project: ProjectRow): string {
  return project.is_domain === 1 ? project.id : project.domain_id;
}
