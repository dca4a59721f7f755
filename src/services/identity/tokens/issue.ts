import { randomBytes } from 'node:crypto';
import type { ApiRequest } from '#kernel/api/route.ts';
import { Forbidden } from '#kernel/errors.ts';
import { type IdentityDeps, nowMs } from '../deps.ts';
import { forbidden, missing, unauthorized } from '../errors.ts';
import { isUsable } from '../trusts/logic.ts';
import { consumeUse, findTrust } from '../trusts/store.ts';
import type { TokenReader } from './authenticator.ts';
import type { TokenClaims } from './codec.ts';
import { applicationCredentialMethod } from './methods/application-credential.ts';
import type { AuthMethod, Proof } from './methods/method.ts';
import { oauth1Method } from './methods/oauth1.ts';
import { passwordMethod } from './methods/password.ts';
import { tokenMethod } from './methods/token.ts';
import { totpMethod } from './methods/totp.ts';
import { RefusedToken, resolveToken, type Token, VoidToken } from './model.ts';
import { checkMethods, readReceipt } from './receipt.ts';
import type { AuthRequest } from './schema.ts';
import { defaultScope, readScope, type TokenScope } from './scope.ts';

const METHODS: Readonly<Record<string, AuthMethod>> = {
  password: passwordMethod,
  token: tokenMethod,
  application_credential: applicationCredentialMethod,
  totp: totpMethod,
  oauth1: oauth1Method,
};

const KNOWN_METHODS: ReadonlySet<string> = new Set(Object.keys(METHODS));

/** Bytes of an audit id. */
const AUDIT_BYTES = 16;

/**
 * Proves who asks and gives a token for it.
 * @throws {MoreProofNeeded} when the user's rules ask for more methods;
 *   {Unauthorized} without a reason when a proof or the scope does not hold; {BadRequest} for what is missing.
 * @see https://docs.openstack.org/api-ref/identity/v3/#password-authentication-with-scoped-authorization
 */
export async function issueToken(
  deps: IdentityDeps,
  reader: TokenReader,
  request: ApiRequest<Record<string, string>, unknown, { readonly auth: AuthRequest }>,
): Promise<Token> {
  const { auth } = request.body;
  const named = [...new Set(auth.identity.methods)];
  const proof = reconcile(await prove(deps, reader, request, named));
  const receipt = request.headers['openstack-auth-receipt'];
  const vouched = readReceipt(deps, receipt?.toString(), proof.userId);
  const methods = [...new Set([...named, ...(proof.methods ?? []), ...vouched])];
  await checkMethods(deps, proof.userId, methods, KNOWN_METHODS);
  const scope = await chooseScope(deps, auth, proof);
  const token = await mintToken(deps, proof, scope, methods);
  if (scope.trustId !== null && !(await consumeUse(deps.db, scope.trustId)))
    throw new Forbidden('identity.trust.used_up', `No remaining uses for trust: ${scope.trustId}.`);
  return token;
}

/** What was asked for; what the proof is bound to; or the default project. */
async function chooseScope(deps: IdentityDeps, auth: AuthRequest, proof: Proof): Promise<TokenScope> {
  const asked = await readScope(deps, auth.scope);
  if (proof.projectId !== undefined) {
    if (!isNowhere(asked) && asked.projectId !== proof.projectId) throw unauthorized('scope');
    return { ...asked, projectId: proof.projectId };
  }
  if (asked.trustId !== null) {
    const trust = await findTrust(deps.db, asked.trustId);
    if (trust === undefined || !isUsable(trust, nowMs(deps)) || trust.project_id === null) throw unauthorized('trust');
    return { ...asked, projectId: trust.project_id };
  }
  return isNowhere(asked) && proof.federation === undefined ? defaultScope(deps.db, proof.userId) : asked;
}

/**
 * Makes a token for what was proved.
 * @throws {Unauthorized} when the user may not have it.
 */
export async function mintToken(
  deps: IdentityDeps,
  proof: Proof,
  scope: TokenScope,
  methods: readonly string[],
): Promise<Token> {
  const issuedAt = nowMs(deps);
  const ownEnd = issuedAt + deps.config.tokenLifetimeMs;
  const auditId = randomBytes(AUDIT_BYTES).toString('base64url');
  const claims: TokenClaims = {
    userId: proof.userId,
    methods,
    isSystem: scope.isSystem,
    projectId: scope.projectId,
    domainId: scope.domainId,
    // Never later than that of the token it was made from: else nobody would ever have to log in again.
    expiresAt: Math.min(ownEnd, proof.expiresAt ?? ownEnd),
    issuedAt,
    auditIds: proof.parentAuditId === undefined ? [auditId] : [auditId, proof.parentAuditId],
    trustId: scope.trustId,
    federation: proof.federation ?? null,
    accessTokenId: proof.accessTokenId ?? null,
    applicationCredentialId: proof.applicationCredentialId ?? null,
  };
  try {
    return await resolveToken(deps, deps.tokens.encode(claims), claims);
  } catch (error) {
    if (!(error instanceof VoidToken)) throw error;
    deps.log.info({ user: proof.userId, reason: error.message }, 'no token was given');
    throw error instanceof RefusedToken ? forbidden('auth.refused') : unauthorized('scope');
  }
}

async function prove(
  deps: IdentityDeps,
  reader: TokenReader,
  request: ApiRequest<Record<string, string>, unknown, { readonly auth: AuthRequest }>,
  names: readonly string[],
): Promise<Proof[]> {
  const { auth } = request.body;
  const methods = names.map((name) => {
    if (!(name in auth.identity)) throw missing(name, 'identity');
    const method = Object.hasOwn(METHODS, name) ? METHODS[name] : undefined;
    if (method === undefined) throw unauthorized('method');
    return method;
  });
  const proofs: Proof[] = [];
  for (const method of methods) proofs.push(await method(deps, auth, reader, request));
  return proofs;
}

/** All proofs must be of one user; the earliest end counts. */
function reconcile(proofs: readonly Proof[]): Proof {
  const [first, ...others] = proofs;
  if (first === undefined || others.some((proof) => proof.userId !== first.userId)) throw unauthorized('proof');
  const ends = proofs.flatMap(({ expiresAt }) => (typeof expiresAt === 'number' ? [expiresAt] : []));
  return Object.assign({}, ...proofs, { expiresAt: ends.length === 0 ? null : Math.min(...ends) }) as Proof;
}

function isNowhere(scope: TokenScope): boolean {
  return (
    !scope.isSystem &&
    !scope.isExplicitlyUnscoped &&
    scope.projectId === null &&
    scope.domainId === null &&
    scope.trustId === null
  );
}
