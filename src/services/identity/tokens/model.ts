import type { Db } from '#kernel/db/database.ts';
import { type EpochMs, fromJson } from '#kernel/db/json.ts';
import { findApplicationCredential, listRoleIdsOf, listRulesOf } from '../application-credentials/store.ts';
import type { AccessRuleRow, ApplicationCredentialRow } from '../application-credentials/tables.ts';
import { givenRoleIds, rolesOn } from '../assignments/effective.ts';
import { type IdentityDeps, nowMs } from '../deps.ts';
import { findProtocol, findProvider } from '../federation/store.ts';
import { listGroupIdsOfUser } from '../groups/store.ts';
import { findAccessToken } from '../oauth1/store.ts';
import type { AccessTokenRow } from '../oauth1/tables.ts';
import { findDomain, findProject, listAncestors } from '../projects/store.ts';
import type { ProjectRow } from '../projects/tables.ts';
import { isRevoked } from '../revocations/store.ts';
import { expandRoles } from '../roles/implications.ts';
import { listImplications, listRoles } from '../roles/store.ts';
import type { RoleRow } from '../roles/tables.ts';
import type { IdentityTables } from '../tables.ts';
import { preciseTimeMs } from '../time.ts';
import { findTrust, listPedigree, listTrustRoleIds } from '../trusts/store.ts';
import type { TrustRow } from '../trusts/tables.ts';
import { findPassword, findUser } from '../users/store.ts';
import type { UserRow } from '../users/tables.ts';
import type { FederationClaims, TokenClaims } from './codec.ts';

/** Far above what any token can carry. */
const MAX_ROLES = 10_000;

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
  readonly trust: TrustRow | null;
  readonly applicationCredential: ApplicationCredentialRow | null;
  readonly accessToken: AccessTokenRow | null;
  /** All that it may be used for; null where nothing but roles limits it. */
  readonly accessRules: readonly AccessRuleRow[] | null;
}

/** Why a token does not hold: for the log, never for the caller. */
export class VoidToken extends Error {}

/** The user is who it claims to be, and may not have this token. */
export class RefusedToken extends VoidToken {}

/**
 * Looks up all that a token names.
 * @throws {VoidToken} when something is gone, disabled, or no role is left on the scope.
 */
export async function resolveToken(deps: IdentityDeps, id: string, claims: TokenClaims): Promise<Token> {
  const { db } = deps;
  const holder = await enabledHolder(db, claims.userId);
  const trust = claims.trustId === null ? null : await heldTrust(deps, claims);
  if (claims.federation !== null) await checkFederation(db, claims.federation);
  const user = trust?.impersonation === 1 ? await enabledUser(db, trust.trustor_user_id) : holder;
  const userDomain = await enabledDomain(db, user.domain_id);
  const applicationCredential =
    claims.applicationCredentialId === null ? null : await heldCredential(deps, claims, claims.applicationCredentialId);
  const project = claims.projectId === null ? null : await enabledProject(db, claims.projectId);
  const projectDomain = project === null ? null : await enabledDomain(db, domainIdOf(project));
  const domain = claims.domainId === null ? null : await enabledDomain(db, claims.domainId);
  const password = await findPassword(db, user.id);
  const accessToken = claims.accessTokenId === null ? null : await heldAccess(deps, claims, claims.accessTokenId);
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
    trust,
    applicationCredential,
    accessToken,
    accessRules: applicationCredential?.has_access_rules === 1 ? await listRulesOf(db, applicationCredential.id) : null,
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

function isTakenBack(
  deps: IdentityDeps,
  { claims, user, userDomain, projectDomain, domain, accessToken }: Token,
): Promise<boolean> {
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
    consumerId: accessToken?.consumer_id ?? null,
  });
}

async function rolesOf(db: Db<IdentityTables>, token: Token): Promise<RoleRow[]> {
  const { claims, project, trust, applicationCredential } = token;
  if (!isScoped(claims)) return [];
  if (trust !== null && project !== null) return rolesByTrust(db, trust, project);
  const groupIds = [...(await listGroupIdsOfUser(db, claims.userId)), ...(claims.federation?.groupIds ?? [])];
  const actors = { userId: claims.userId, groupIds };
  if (claims.isSystem) return rolesOn(db, actors, { kind: 'system' });
  if (claims.domainId !== null) return rolesOn(db, actors, { kind: 'domain', domainId: claims.domainId });
  const roles = project === null ? [] : await rolesOn(db, actors, { kind: 'project', project });
  if (token.accessToken !== null) {
    const authorized = new Set(expandRoles(fromJson(token.accessToken.role_ids), await listImplications(db)));
    return roles.filter(({ id }) => authorized.has(id));
  }
  if (applicationCredential === null) return roles;
  const chosen = new Set(await listRoleIdsOf(db, applicationCredential.id));
  return roles.filter(({ id }) => chosen.has(id));
}

/** All that was entrusted, as long as the first trustor has all of it. */
async function rolesByTrust(db: Db<IdentityTables>, trust: TrustRow, project: ProjectRow): Promise<RoleRow[]> {
  const first = (await listPedigree(db, trust)).at(-1) ?? trust;
  const trustorId = first.trustor_user_id;
  const actors = { userId: trustorId, groupIds: await listGroupIdsOfUser(db, trustorId) };
  const held = new Set(await givenRoleIds(db, actors, { kind: 'project', project }));
  const entrusted = expandRoles(await listTrustRoleIds(db, trust.id), await listImplications(db));
  if (entrusted.some((id) => !held.has(id))) throw new RefusedToken('the trustor lacks a role that was entrusted');
  return listRoles(db, { filters: [], domainId: '', ids: entrusted, limit: MAX_ROLES });
}

/** The trust that a token is by, if it and everyone in its line can still be relied on. */
async function heldTrust(deps: IdentityDeps, claims: TokenClaims): Promise<TrustRow> {
  const { db } = deps;
  const trust = await findTrust(db, claims.trustId ?? '');
  if (trust === undefined || trust.project_id !== claims.projectId) throw new VoidToken('the trust is gone');
  if (trust.trustee_user_id !== claims.userId) throw new RefusedToken('the user is not the trustee');
  for (const link of await listPedigree(db, trust)) {
    if (link.expires_at !== null && preciseTimeMs(link.expires_at) <= nowMs(deps))
      throw new VoidToken('the trust is over');
    const trustor = await enabledUser(db, link.trustor_user_id);
    await enabledDomain(db, trustor.domain_id);
    await enabledUser(db, link.trustee_user_id);
  }
  return trust;
}

async function heldCredential(deps: IdentityDeps, claims: TokenClaims, id: string): Promise<ApplicationCredentialRow> {
  const credential = await findApplicationCredential(deps.db, id);
  if (credential === undefined || credential.user_id !== claims.userId || credential.project_id !== claims.projectId)
    throw new VoidToken('the application credential is gone');
  if (credential.expires_at !== null && preciseTimeMs(credential.expires_at) <= nowMs(deps))
    throw new VoidToken('the application credential is over');
  return credential;
}

/** Whom a provider vouched for is in for as long as the provider is. */
async function checkFederation(db: Db<IdentityTables>, federation: FederationClaims): Promise<void> {
  const provider = await findProvider(db, federation.identityProviderId);
  const protocol = await findProtocol(db, federation.identityProviderId, federation.protocolId);
  if (provider?.enabled !== 1 || protocol === undefined) throw new VoidToken('the identity provider is gone');
}

async function heldAccess(deps: IdentityDeps, claims: TokenClaims, id: string): Promise<AccessTokenRow> {
  const access = await findAccessToken(deps.db, id);
  if (access === undefined || access.user_id !== claims.userId || access.project_id !== claims.projectId)
    throw new VoidToken('the access token is gone');
  return access;
}

/** Who asks for itself learns no more than that it is not let in. */
async function enabledHolder(db: Db<IdentityTables>, id: string): Promise<UserRow> {
  const user = await findUser(db, id);
  if (user === undefined || user.enabled === 0) throw new VoidToken('the user is gone or disabled');
  return user;
}

/** Somebody whom a trust names: who may use it is told that it cannot. */
async function enabledUser(db: Db<IdentityTables>, id: string): Promise<UserRow> {
  const user = await findUser(db, id);
  if (user === undefined) throw new VoidToken('the user is gone');
  if (user.enabled === 0) throw new RefusedToken('the user is disabled');
  return user;
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
