import type { RequestContext } from '#kernel/auth/context.ts';
import { forbiddenAction } from './errors.ts';
import type { TokenDetails } from './tokens/authenticator.ts';
import type { Token } from './tokens/model.ts';

/** The token behind a request to identity. */
export function tokenOf(ctx: RequestContext): Token {
  return (ctx.details as TokenDetails).token;
}

/**
 * Keeps restricted application credentials from making more of what lets somebody in.
 * @param what as in `managing trusts`.
 * @throws {Forbidden} for a token of an application credential that is not unrestricted.
 */
export function checkUnrestricted(ctx: RequestContext, what: string): void {
  const credential = tokenOf(ctx).applicationCredential;
  if (credential !== null && credential.unrestricted === 0)
    throw forbiddenAction(`Using method 'application_credential' is not allowed for ${what}.`);
}

/** Whether a token acts in another's name or for a part of its user's rights. */
export function isDelegated(ctx: RequestContext): boolean {
  const { claims } = tokenOf(ctx);
  return claims.trustId !== null || claims.applicationCredentialId !== null || claims.accessTokenId !== null;
}

/**
 * Keeps who acts by a trust or an OAuth1 token from making what outlives it.
 * @param what as in `an application credential`.
 * @throws {Forbidden} for such a token.
 */
export function checkNotEntrusted(ctx: RequestContext, what: string): void {
  const { claims } = tokenOf(ctx);
  if (claims.trustId !== null || claims.accessTokenId !== null)
    throw forbiddenAction(`Creating ${what} with a delegated token is not allowed.`);
}
