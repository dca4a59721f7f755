import { createHash } from 'node:crypto';
import type { Db } from '#kernel/db/database.ts';
import { fromJson, toJson } from '#kernel/db/json.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { BadRequest } from '#kernel/errors.ts';
import { newHexId } from '#kernel/ids.ts';
import { type IdentityDeps, nowMs } from '../deps.ts';
import { unauthorized } from '../errors.ts';
import { findGroup, findGroupByName } from '../groups/store.ts';
import { findProjectByName } from '../projects/store.ts';
import type { IdentityTables } from '../tables.ts';
import { mintToken } from '../tokens/issue.ts';
import type { Proof } from '../tokens/methods/method.ts';
import type { Token } from '../tokens/model.ts';
import { findUser, findUserByName, insertUser } from '../users/store.ts';
import { type Claims, readJwt } from './jwt.ts';
import { type Assertion, applyMapping, type Mapped, type MappingRule } from './mapping.ts';
import { ensureProjects } from './projects.ts';
import { findFederatedUser, findProtocol, findProvider, getMapping, insertFederatedUser } from './store.ts';
import type { ProtocolRow, ProviderRow } from './tables.ts';

/** A name that a provider gives is cut to what a name may be here. */
const MAX_NAME = 255;

/**
 * An unscoped token for who shows a provider's OpenID token.
 * @throws {Unauthorized} for a token that is not good, not this provider's, or that no rule lets in.
 * @see https://docs.openstack.org/api-ref/identity/v3-ext/#request-an-unscoped-os-federation-token
 */
export async function issueFederatedToken(
  deps: IdentityDeps,
  idpId: string,
  protocolId: string,
  bearer: string | undefined,
): Promise<Token> {
  const provider = await findProvider(deps.db, idpId);
  const protocol = await findProtocol(deps.db, idpId, protocolId);
  if (provider === undefined || provider.enabled === 0 || protocol === undefined) throw unauthorized('federation');
  const claims = await readJwt(bearer ?? '', deps.issuers, nowMs(deps));
  if (claims === undefined || !fromJson(provider.remote_ids).includes(String(claims['iss'])))
    throw unauthorized('federation');
  const rules = fromJson((await getMapping(deps.db, protocol.mapping_id)).rules);
  const mapped = mapClaims(deps, rules, claims);
  const proof =
    mapped.user.type === 'local'
      ? { userId: await localUser(deps, mapped.user) }
      : await ephemeral(deps, provider, protocol, mapped, claims);
  const scope = { isSystem: false, projectId: null, domainId: null, trustId: null, isExplicitlyUnscoped: true };
  return mintToken(deps, proof, scope, [protocolId === 'openid' || protocolId === 'saml2' ? protocolId : 'mapped']);
}

/** What keystone tells of a person whom no rule fits: nothing but that it is not let in. */
function mapClaims(deps: IdentityDeps, rules: readonly MappingRule[], claims: Claims): Mapped {
  try {
    return applyMapping(rules, assertionOf(claims));
  } catch (error) {
    if (!(error instanceof BadRequest)) throw error;
    deps.log.info({ issuer: claims['iss'], reason: error.message }, 'a federated user was not let in');
    throw unauthorized('federation');
  }
}

async function ephemeral(
  deps: IdentityDeps,
  provider: ProviderRow,
  protocol: ProtocolRow,
  mapped: Mapped,
  claims: Claims,
): Promise<Proof> {
  const userId = await ensureUser(deps, provider, protocol, mapped, claims);
  await ensureProjects(deps, provider, userId, mapped.projects);
  const groupIds = await findGroups(deps.db, mapped);
  return { userId, federation: { groupIds, identityProviderId: provider.id, protocolId: protocol.id } };
}

/** Claims under the names that Apache's OpenID module gives them: `OIDC-sub`, and as an environment variable. */
function assertionOf(claims: Claims): Assertion {
  const texts = Object.entries(claims).flatMap(([name, value]) => {
    const text = Array.isArray(value) ? value.map(String).join(';') : String(value);
    return [
      [`OIDC-${name}`, text],
      [`HTTP_OIDC_${name.toUpperCase().replaceAll('-', '_')}`, text],
    ];
  });
  return Object.fromEntries(texts) as Assertion;
}

/** The user here for a person there, made at the first visit. */
async function ensureUser(
  deps: IdentityDeps,
  provider: ProviderRow,
  protocol: ProtocolRow,
  { user }: Mapped,
  claims: Claims,
): Promise<string> {
  const uniqueId = (user.id ?? user.name ?? (typeof claims['sub'] === 'string' ? claims['sub'] : '')).slice(
    0,
    MAX_NAME,
  );
  if (uniqueId === '') throw unauthorized('federation');
  const who = { idp_id: provider.id, protocol_id: protocol.id, unique_id: uniqueId };
  return inTransaction(deps.db, async (tx) => {
    const known = await findFederatedUser(tx, who);
    if (known !== undefined) return known.user_id;
    const id = newHexId();
    await insertUser(tx, {
      id,
      domain_id: provider.domain_id,
      name: await freeName(tx, provider.domain_id, (user.name ?? uniqueId).slice(0, MAX_NAME), uniqueId),
      enabled: 1,
      default_project_id: null,
      options: '{}',
      extra: toJson(user.email === undefined ? {} : { email: user.email }),
      failed_auth_count: 0,
      failed_auth_at: null,
      created_at: nowMs(deps),
      last_active_at: null,
    });
    await insertFederatedUser(tx, { ...who, user_id: id });
    return id;
  });
}

async function localUser(deps: IdentityDeps, user: Mapped['user']): Promise<string> {
  const domainId = user.domain?.id ?? (await findProjectByName(deps.db, '', user.domain?.name ?? ''))?.id ?? '';
  const found =
    user.id === undefined ? await findUserByName(deps.db, domainId, user.name ?? '') : await findUser(deps.db, user.id);
  if (found === undefined) throw unauthorized('federation');
  return found.id;
}

/** Two people there may be called the same; here a name is one user's. */
async function freeName(tx: Db<IdentityTables>, domainId: string, name: string, uniqueId: string): Promise<string> {
  if ((await findUserByName(tx, domainId, name)) === undefined) return name;
  const mark = createHash('sha256').update(uniqueId).digest('hex').slice(0, 12);
  return `${name.slice(0, MAX_NAME - mark.length - 1)}-${mark}`;
}

async function findGroups(db: Db<IdentityTables>, { groupIds, groupNames }: Mapped): Promise<string[]> {
  const found = new Set<string>();
  for (const id of groupIds) if ((await findGroup(db, id)) !== undefined) found.add(id);
  for (const { name, domain } of groupNames) {
    const domainId = domain.id ?? (await findProjectByName(db, '', domain.name ?? ''))?.id ?? '';
    const group = await findGroupByName(db, domainId, name);
    if (group !== undefined) found.add(group.id);
  }
  return [...found];
}
