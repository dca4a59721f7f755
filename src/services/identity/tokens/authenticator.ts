import type { Authenticator, Identity } from '#kernel/auth/context.ts';
import { type IdentityDeps, nowMs } from '../deps.ts';
import type { TokenCache } from './cache.ts';
import { readToken, type Token } from './model.ts';

/** Reads tokens, those that were read before from memory. */
export interface TokenReader {
  /** A token that is good; up to `graceMs` after its end where that is wanted. */
  read(token: string, graceMs?: number): Promise<Token | undefined>;
}

export function createTokenReader(deps: IdentityDeps, cache: TokenCache<Token>): TokenReader {
  return {
    async read(id, graceMs = 0) {
      const token = await cache.through(id, () => readToken(deps, id));
      return token !== undefined && token.claims.expiresAt + graceMs > nowMs(deps) ? token : undefined;
    },
  };
}

/** What rules and identity's own handlers want to know of a token, beside what all services know. */
export interface TokenDetails {
  readonly token: Token;
  /** As rules name them: `token.domain.id`, `token.project.domain.id`. */
  readonly domain: { readonly id: string } | null;
  readonly project: { readonly domain: { readonly id: string } } | null;
}

export function createAuthenticator(reader: TokenReader): Authenticator {
  const identities = new WeakMap<Token, Identity>();
  return {
    async authenticate(id) {
      const token = await reader.read(id);
      if (token === undefined) return undefined;
      const known = identities.get(token);
      if (known !== undefined) return known;
      const identity = identityOf(token);
      identities.set(token, identity);
      return identity;
    },
  };
}

function identityOf(token: Token): Identity {
  const { claims, user, userDomain, project, projectDomain, domain, roles } = token;
  const details: TokenDetails = {
    token,
    domain: domain === null ? null : { id: domain.id },
    project: projectDomain === null ? null : { domain: { id: projectDomain.id } },
  };
  return {
    userId: user.id,
    userName: user.name ?? '',
    userDomainId: userDomain.id,
    userDomainName: userDomain.name,
    projectId: project?.id ?? null,
    projectName: project?.name ?? null,
    projectDomainId: projectDomain?.id ?? null,
    domainId: domain?.id ?? null,
    isSystemScoped: claims.isSystem,
    roles: roles.map((role) => role.name.toLowerCase()),
    isAdminProject: true,
    expiresAt: claims.expiresAt,
    token: token.id,
    applicationCredentialId: claims.applicationCredentialId,
    trustId: claims.trustId,
    ...(token.accessRules === null ? {} : { accessRules: token.accessRules }),
    details,
  };
}
